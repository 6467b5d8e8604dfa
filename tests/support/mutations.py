"""Seeded damage of files."""


def mutated(data, rng):
    """Bytes changed, cut off, doubled or moved."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 3, 20))):
        place = rng.randrange(len(data))
        match rng.randrange(4):
            case 0:
                data[place] = rng.randrange(256)
            case 1:
                del data[place : place + rng.randrange(1, 40)]
            case 2:
                data[place:place] = data[place : place + rng.randrange(1, 40)]
            case 3:
                data[place:place] = rng.choice((b"9" * 5000, b"[" * 2000, b"\xff", b"-1", b"1e999", b"NaN", b"null"))
        if not data:
            return b""
    return bytes(data)
