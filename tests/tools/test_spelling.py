from trimtab.tools.spelling import closest, did_you_mean


def test_the_nearest_known_name_is_guessed() -> None:
    assert closest("trails", ["trial", "trials", "budget"]) == "trials"
    assert closest("xyz", ["trials", "budget"]) is None
    assert closest("sl", ["slow"], cutoff=0.7) is None
    assert closest("sl", ["slow"]) == "slow"


def test_the_guess_is_words_to_put_behind_a_message() -> None:
    assert did_you_mean("trails", ["trials"]) == "; did you mean 'trials'?"
    assert did_you_mean("trails", ["trials"], shown="{{{}}}".format) == "; did you mean {trials}?"
    assert did_you_mean("xyz", ["trials"]) == ""
    assert did_you_mean("xyz", ["trials"], otherwise=": remove it") == ": remove it"
