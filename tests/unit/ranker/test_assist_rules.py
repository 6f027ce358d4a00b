"""Text of two languages, support of passages, decisions, and the classifier: learnt, stored, calibrated, and silent when unsure."""

import json
from dataclasses import replace

import numpy as np
import pytest
from aisle_ranker.domain.assist.answer import Outcome, Reason, Understanding, by_template, hand_off
from aisle_ranker.domain.assist.classifier import EMOTION, INTENT, Guess, calibration_error
from aisle_ranker.domain.assist.knowledge import (
    Document,
    Example,
    Question,
    Template,
    best_template,
    fused,
    passages_of,
    placeholders,
    quote,
)
from aisle_ranker.domain.assist.language import checked_message, language_of, sentences, terms
from aisle_ranker.engines.assist_codec import decode, encode
from aisle_ranker.engines.assist_fit import fit
from aisle_ranker.errors import InvalidField, TooFewLabels

POLICY = (
    "Items can be returned within 30 days of delivery. The item must be unused.\n\n"
    "How long does a refund take? Refunds are paid within 5 working days.\n\n"
    "包裹在三天内送达。退货运费由卖家承担。"
)
VERBS = {
    "cancel_order": ("cancel", "call off", "stop", "undo"),
    "track_order": ("track", "follow", "locate", "trace"),
    "get_refund": ("refund", "reimburse", "repay", "pay back"),
    "get_invoice": ("invoice", "bill", "print", "send a receipt for"),
    "change_address": ("redirect", "readdress", "relocate", "move"),
    "complain": ("complain about", "report", "criticise", "protest against"),
    "rate": ("review", "rate", "praise", "judge"),
}
FRAMES = (
    "i want to {} it",
    "please {} my order {}",
    "can you {} this",
    "help me {} that",
    "how do i {} order {}",
    "{} now",
)


def examples() -> list[Example]:
    found = []
    for intent, verbs in VERBS.items():
        for verb in verbs:
            for number, frame in enumerate(FRAMES):
                text = frame.format(verb, 100 + number)
                found.append(Example(f"{intent}-{verb}-{number}", text, intent, "calm" if number % 2 else "upset"))
    return found


@pytest.fixture(scope="module")
def heads() -> dict:
    return fit(examples(), seed=7)


def asked(message: str) -> list[str]:
    passages = passages_of(Document("d", "Policy", "", "en", POLICY))
    having = [set(terms(f"Policy {one.text}")) for one in passages]
    question = Question.of(message, len(passages), lambda term: sum(term in held for held in having))
    return [found.text for found in quote(question, passages, 0.6)]


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ("how long until my refund is paid?", "Refunds are paid within 5 working days."),
        ("can I return an item after 20 days", "Items can be returned within 30 days of delivery."),
        ("请问退货运费谁承担?", "退货运费由卖家承担。"),
    ],
)
def test_a_supported_question_is_answered_with_the_document_s_own_words(message: str, answer: str) -> None:
    assert asked(message) == [answer]
    assert answer in POLICY


@pytest.mark.parametrize(
    "message", ["what is the warranty on batteries?", "这件衣服有蓝色的吗", "days of thunder on dvd", "??"]
)
def test_an_unsupported_question_is_not(message: str) -> None:
    assert asked(message) == []


def test_a_question_in_a_document_brings_its_answer_along() -> None:
    (found,) = asked("refund")
    assert found == "How long does a refund take? Refunds are paid within 5 working days."


def test_sentences_keep_their_offsets_and_long_runs_are_cut() -> None:
    text = 'One. "Two!" v2.0 is out?\n\n三。四! ' + "x" * 1200
    found = [text[span.begin : span.end] for span in sentences(text)]
    assert found[:3] == ["One.", '"Two!"', "v2.0 is out?"]
    assert found[3:5] == ["三。", "四!"]
    assert "".join(found[5:]) == "x" * 1200
    assert max(map(len, found)) <= 500


def test_terms_join_forms_of_a_word_and_pairs_of_han_characters() -> None:
    assert terms("returned returns returning") == ["return"] * 3
    assert terms("cancelled cancel") == ["cancel"] * 2
    assert terms("请问我的包裹什么时候到", content_only=True) == ["包裹"]
    assert terms("How long will it take me?", content_only=True) == ["tak"]
    assert language_of("iPhone 的充电器") == "zh"
    assert language_of("Do you sell 茶?") == "en"


@pytest.mark.parametrize("text", ["", "  \n", "\x00\x07", "x" * 100_000])
def test_messages_that_say_nothing_or_too_much_are_refused(text: str) -> None:
    with pytest.raises(InvalidField) as caught:
        checked_message(text)
    assert caught.value.field == "message"


def test_control_characters_become_spaces() -> None:
    assert checked_message("\x1b[31mwhere\x00is it") == "[31mwhere is it"


def test_the_classifier_learns_tells_and_survives_storage(heads: dict) -> None:
    assert set(heads) == {INTENT, EMOTION}
    told = heads[INTENT].evaluation
    assert told.macro_f1 > 0.9
    assert told.refusal is not None
    assert heads[EMOTION].evaluation.refusal is None
    guess = heads[INTENT].guess("could you track order 99812 for me")
    assert guess.ranked[0][0] == "track_order"
    assert sum(share for _, share in guess.ranked) == pytest.approx(1.0)
    stored = decode(encode(heads))
    for text in ("please cancel my order", "Bitte stornieren", "取消订单", ""):
        assert stored[INTENT].guess(text) == heads[INTENT].guess(text)


def test_learning_twice_gives_the_same(heads: dict) -> None:
    moods = [Example(one.id, one.text, emotion=one.emotion) for one in examples()]
    assert encode(fit(moods, seed=7)) == encode({EMOTION: heads[EMOTION]})


def test_what_no_message_resembles_is_not_supported(heads: dict) -> None:
    head = heads[INTENT]
    assert head.guess("please cancel my order 5").supported
    for text in ("does the museum open on sundays", "今天天气怎么样", "12345", "!!!"):
        assert not head.guess(text).supported, text
    assert not replace(head, min_score=1e9).guess("please cancel my order 5").supported


def test_too_few_labels_are_refused_and_rare_ones_left_out() -> None:
    with pytest.raises(TooFewLabels):
        fit([Example(str(n), f"message {n}", "only") for n in range(50)], seed=7)
    # Numbers do not make messages different.
    with pytest.raises(TooFewLabels):
        fit([Example(str(n), f"order {n}", "a" if n % 2 else "b") for n in range(100)], seed=7)
    moods = [Example(one.id, one.text, emotion=one.emotion) for one in examples()]
    head = fit([*moods, Example("r", "sing a song", emotion="merry")], seed=7)[EMOTION]
    assert head.labels == ("calm", "upset")
    assert head.evaluation.left_out == ("merry",)


def test_an_archive_with_pickled_objects_is_refused() -> None:
    import io

    file = io.BytesIO()
    np.savez(file, about=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        decode(file.getvalue())


def test_calibration_error() -> None:
    assert calibration_error(np.array([0.8] * 10), np.array([1.0] * 8 + [0.0] * 2)) == pytest.approx(0.0)
    assert calibration_error(np.array([0.9, 0.9]), np.array([0.0, 0.0])) == pytest.approx(0.9)


def understood(supported: bool) -> Understanding:
    return Understanding("en", Guess((("a", 0.7), ("b", 0.2), ("c", 0.1)), 1.0, supported), None, None)


def test_a_template_needs_support_and_the_language() -> None:
    english, chinese = (
        Template("t1", "a", "en", "Hi {{Name}}, {{ Name }} {{Order Number}}"),
        Template("t2", "a", "zh", "好"),
    )
    question = Question({})
    assert best_template(question, [chinese], "en") is None
    assert best_template(question, [chinese, english], "en") == english
    assert by_template(understood(False), [english]) is None
    assert by_template(understood(True), [None, english]) is None
    reply = by_template(understood(True), [english, None, chinese])
    assert reply is not None
    assert (reply.outcome, reply.parts, reply.alternatives) == (Outcome.TEMPLATE, (english.text,), ("t2",))
    assert placeholders(english.text) == ["Name", "Order Number"]


def test_a_hand_off_says_why_and_what_was_asked() -> None:
    message = "Hello. " + "I bought it in May. " * 40 + "Can I still swap the blue lamp?"
    reply = hand_off(message, understood(False))
    assert reply.reason is Reason.UNSUPPORTED
    assert "Can I still swap the blue lamp?" in reply.summary
    assert "nearest intents: a (70%), b (20%), c (10%)" in reply.summary
    assert len(reply.summary) < 600
    assert hand_off(message, understood(True)).reason is Reason.NO_TEMPLATE
    assert hand_off("x" * 4000, Understanding("en", None, None, None)).reason is Reason.NO_CLASSIFIER


def test_orders_are_joined_by_rank() -> None:
    assert fused(np.array([1, 2, 3]), np.array([3, 2])) == [3, 2, 1]


def test_the_archive_is_arrays_and_json_only(heads: dict) -> None:
    import io

    with np.load(io.BytesIO(encode(heads)), allow_pickle=False) as arrays:
        assert json.loads(arrays["about"].tobytes())["intent"]["labels"] == sorted(VERBS)
