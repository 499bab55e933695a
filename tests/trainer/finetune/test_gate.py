"""What a verdict's sentence says of old ground."""

from trainer.finetune.gate import Pair, judge, row_of

LEARNT = row_of("new", "judged pictures", [Pair(name, name, 0.70, 0.76) for name in "abc"])


def test_old_pictures_with_truth_say_whether_old_ground_is_held():
    held = row_of("old", "chase_db1", [Pair(name, name, 0.80, 0.80) for name in "abcd"])
    assert "Old ground is held: chase_db1" in judge([LEARNT, held]).sentence


def test_agreement_alone_is_not_told_as_old_ground_held():
    agreeing = row_of("old", "other pictures", [Pair("a", "a", 1.0, 0.8)], measure="agreement", floor=-0.3)
    verdict = judge([LEARNT, agreeing])
    assert verdict.offered
    assert "held" not in verdict.sentence
    assert "what it forgot there isn't known" in verdict.sentence
    assert "agreement with the model in use 0.800" in verdict.sentence
