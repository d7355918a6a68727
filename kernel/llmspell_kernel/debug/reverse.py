"""Requests of ours to the client (`runInTerminal`, `startDebugging`), and its responses."""

from __future__ import annotations

from threading import Event

from llmspell_kernel.debug.protocol import RequestFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from llmspell_tools.types import JsonObject


class Reverse:
    """The other direction of one session; requests are sent on its worker thread.

    Args:
        write: Sends a message.
        next_seq: Returns the number that the next one will have.
    """

    __slots__ = ("_has_gone", "_next_seq", "_replies", "_write")

    def __init__(self, write: Callable[[JsonObject], None], next_seq: Callable[[], int]) -> None:
        self._write = write
        self._next_seq = next_seq
        self._replies: dict[int, Callable[[JsonObject], None]] = {}
        self._has_gone = False

    def ask(self, command: str, arguments: JsonObject, timeout_s: float) -> JsonObject:
        """Send a request and return its response's body.

        Raises:
            RequestFailed: The client refuses, or does not answer.
        """
        done = Event()
        answers: list[JsonObject] = []

        def take(answer: JsonObject) -> None:
            answers.append(answer)
            done.set()

        self._send(command, arguments, take)
        if not done.wait(timeout_s):
            raise RequestFailed("program", f"the client does not answer '{command}'", show=True)
        answer = answers[0]
        if answer.get("success") is not True:
            raise RequestFailed("program", f"the client refuses '{command}': {_reason(answer)}", show=True)
        body = answer.get("body")
        return body if isinstance(body, dict) else {}

    def tell(self, command: str, arguments: JsonObject, refused: Callable[[str], None]) -> None:
        """Send a request; `refused` gets the reason, on any thread, if the client answers that it does not."""

        def take(answer: JsonObject) -> None:
            if answer.get("success") is not True:
                refused(_reason(answer))

        self._send(command, arguments, take)

    def _send(self, command: str, arguments: JsonObject, take: Callable[[JsonObject], None]) -> None:
        self._replies[self._next_seq()] = take
        self._write({"type": "request", "command": command, "arguments": arguments})
        if self._has_gone:  # looked at last: `give_up` looks the other way round
            self.give_up()

    def take(self, message: JsonObject) -> None:
        """Take a response; any thread."""
        number = message.get("request_seq")
        waiting = self._replies.pop(number, None) if isinstance(number, int) else None
        if waiting is not None:
            waiting(message)

    def give_up(self) -> None:
        """Take what is not answered for refused, now and later: the client goes; any thread."""
        self._has_gone = True
        for number in list(self._replies):
            self.take({"request_seq": number, "success": False, "message": "it has gone"})


def _reason(answer: JsonObject) -> str:
    message = answer.get("message")
    return message if isinstance(message, str) and message else "it does not say why"
