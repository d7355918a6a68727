"""Requests of the debugger to its client: what becomes of those that nobody will answer."""

import pytest

from llmspell_kernel.debug.protocol import RequestFailed
from llmspell_kernel.debug.reverse import Reverse

PATIENCE_S = 5


def test_a_question_after_the_client_has_gone_is_refused_at_once():
    reverse = Reverse(lambda message: None, lambda: 7)
    reverse.give_up()

    with pytest.raises(RequestFailed, match="refuses 'runInTerminal': it has gone"):
        reverse.ask("runInTerminal", {}, PATIENCE_S)


def test_an_offer_after_the_client_has_gone_is_refused():
    reasons = []
    reverse = Reverse(lambda message: None, lambda: 7)
    reverse.give_up()

    reverse.tell("startDebugging", {}, reasons.append)

    assert reasons == ["it has gone"]
