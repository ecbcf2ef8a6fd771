"""What differs between providers and endpoints: classes, names, facts, failures, streams.
Must not know what is asked, nor what it costs.
"""
