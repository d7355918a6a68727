"""The start-up handshake: a kernel that chooses its own ports tells them to whoever started it.

The launcher gives a registration file instead of a connection file: where it listens, a kernel id and a key. The kernel
binds, connects a DEALER socket there, sends one signed frame with its ports, and waits for a signed acknowledgement.
Spec: Jupyter messaging 5.6, "Kernel startup handshake" (JEP 66); the file's form is in jupyter_client's "Making
kernels". Called before a kernel serves; one of the few modules that import zmq.
"""

from __future__ import annotations

from time import monotonic

import zmq

from llmspell_kernel.connection import PORTS, Connection, Registration
from llmspell_kernel.errors import HandshakeFailed
from llmspell_kernel.wire import DELIMITER, Wire, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from llmspell_tools.types import JsonValue

#: Seconds that the launcher may take to acknowledge; a kernel that nobody knows of ends itself.
ACKNOWLEDGE_S = 10.0


def register(registration: Registration, connection: Connection, wire: Wire, *, wait_s: float = ACKNOWLEDGE_S) -> None:
    """Tell the launcher the ports of a bound kernel, and wait until it has them.

    Args:
        registration: Where the launcher listens.
        connection: All its ports are known.
        wire: Signs with the registration's key.
        wait_s: The most seconds to wait.

    Raises:
        HandshakeFailed: Nobody has acknowledged in time.
    """
    content: dict[str, JsonValue] = {"kernel_id": registration.kernel_id}
    content |= {name: str(connection.ports[name]) for name in PORTS}
    body = encode(content)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    try:
        socket = context.socket(zmq.DEALER)
        socket.setsockopt(zmq.IPV6, int(":" in registration.ip))
        socket.connect(registration.endpoint())
        socket.send_multipart([DELIMITER, wire.sign(body), body])
        end = monotonic() + wait_s
        while socket.poll(max(0, int((end - monotonic()) * 1_000))):
            if _is_acknowledgement(socket.recv_multipart(), wire):
                return
    except zmq.ZMQError as error:
        raise HandshakeFailed(f"cannot register at {registration.endpoint()}: {error.strerror}") from None
    finally:
        context.destroy(0)
    raise HandshakeFailed(
        f"nobody at {registration.endpoint()} has acknowledged kernel {registration.kernel_id} in {wait_s:g} s"
    )


def _is_acknowledgement(frames: list[bytes], wire: Wire) -> bool:
    """Tell whether a message is signed with our key; what it says is the launcher's affair."""
    try:
        start = frames.index(DELIMITER)
        signature, content = frames[start + 1 : start + 3]
    except ValueError:
        return False
    return wire.is_signed(signature, content)
