"""Are claimed improvements real? Studies where nothing matters, and real tables under noise; ours beside others'.

A world knows the truth, a method only measures. Each method gets the same number of evaluations of a world, ends with a
configuration and what it claims for it, and the truth says what that configuration gives when it is deployed.
"""
