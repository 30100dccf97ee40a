"""XXH3-64 with a seed, from the algorithm's specification. Slow, which is fine: it shares no code with what it checks."""
import struct

MASK = (1 << 64) - 1
PRIME32_1, PRIME32_2, PRIME32_3 = 0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D
PRIME64_1, PRIME64_2, PRIME64_3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
PRIME64_4, PRIME64_5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5

SECRET = bytes.fromhex("""
    b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221
    b8084674f743248ee03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8
    a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb
    170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e""")
SECRET_WORDS = struct.unpack("<24Q", SECRET)
STRIPES_PER_BLOCK = (len(SECRET) - 64) // 8


def _words(data, offset, count):
    return struct.unpack_from(f"<{count}Q", data, offset)


def _fold(a, b):
    product = a * b
    return (product ^ (product >> 64)) & MASK


def _avalanche(h):
    h ^= h >> 37
    h = h * 0x165667919E3779F9 & MASK
    return h ^ (h >> 32)


def _avalanche64(h):
    h ^= h >> 33
    h = h * PRIME64_2 & MASK
    h ^= h >> 29
    h = h * PRIME64_3 & MASK
    return h ^ (h >> 32)


def _mix16(data, at, secret_at, seed):
    low, high = _words(data, at, 2)
    secret_low, secret_high = _words(SECRET, secret_at, 2)
    return _fold(low ^ ((secret_low + seed) & MASK), high ^ ((secret_high - seed) & MASK))


def _short(data, seed):
    size = len(data)
    if size > 8:
        s = _words(SECRET, 24, 4)
        low = int.from_bytes(data[:8], "little") ^ (((s[0] ^ s[1]) + seed) & MASK)
        high = int.from_bytes(data[-8:], "little") ^ (((s[2] ^ s[3]) - seed) & MASK)
        swapped = int.from_bytes(low.to_bytes(8, "little"), "big")
        return _avalanche((size + swapped + high + _fold(low, high)) & MASK)
    if size >= 4:
        seed ^= int.from_bytes((seed & 0xFFFFFFFF).to_bytes(4, "little"), "big") << 32
        s = _words(SECRET, 8, 2)
        first, last = int.from_bytes(data[:4], "little"), int.from_bytes(data[-4:], "little")
        h = (last + (first << 32)) ^ (((s[0] ^ s[1]) - seed) & MASK)
        h ^= ((h << 49 | h >> 15) ^ (h << 24 | h >> 40)) & MASK
        h = h * 0x9FB21C651E98DF25 & MASK
        h ^= (h >> 35) + size
        h = h * 0x9FB21C651E98DF25 & MASK
        return h ^ (h >> 28)
    if size:
        combined = data[0] << 16 | data[size >> 1] << 24 | data[-1] | size << 8
        s = struct.unpack_from("<2I", SECRET, 0)
        return _avalanche64(combined ^ (((s[0] ^ s[1]) + seed) & MASK))
    s = _words(SECRET, 56, 2)
    return _avalanche64(seed ^ s[0] ^ s[1])


def _middle(data, seed):
    size = len(data)
    acc = size * PRIME64_1
    if size <= 128:
        for i in range((size - 1) // 32, -1, -1):
            acc += _mix16(data, 16 * i, 32 * i, seed)
            acc += _mix16(data, size - 16 * (i + 1), 32 * i + 16, seed)
        return _avalanche(acc & MASK)
    for i in range(8):
        acc += _mix16(data, 16 * i, 16 * i, seed)
    acc = _avalanche(acc & MASK)
    for i in range(8, size // 16):
        acc += _mix16(data, 16 * i, 16 * (i - 8) + 3, seed)
    acc += _mix16(data, size - 16, 136 - 17, seed)
    return _avalanche(acc & MASK)


def _accumulate(acc, data, secret):
    for lane in range(8):
        value = data[lane]
        key = value ^ secret[lane]
        acc[lane ^ 1] += value
        acc[lane] += (key & 0xFFFFFFFF) * (key >> 32)
    # Bits above the 64th are dropped when the lane is next used as a whole: in scrambling and at the end.


def _long(data, seed):
    size = len(data)
    words = [(word + seed if i % 2 == 0 else word - seed) & MASK for i, word in enumerate(SECRET_WORDS)]
    secret = struct.pack("<24Q", *words)
    acc = [PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3, PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1]
    for stripe in range((size - 1) // 64):
        n = stripe % STRIPES_PER_BLOCK
        if stripe and n == 0:
            scramble(acc, words)
        _accumulate(acc, _words(data, 64 * stripe, 8), words[n : n + 8])
    if ((size - 1) // 64) % STRIPES_PER_BLOCK == 0:
        scramble(acc, words)
    _accumulate(acc, _words(data, size - 64, 8), _words(secret, len(secret) - 64 - 7, 8))
    merge = _words(secret, 11, 8)
    h = size * PRIME64_1
    for i in range(0, 8, 2):
        h += _fold((acc[i] & MASK) ^ merge[i], (acc[i + 1] & MASK) ^ merge[i + 1])
    return _avalanche(h & MASK)


def scramble(acc, words):
    for lane in range(8):
        value = acc[lane] & MASK
        acc[lane] = (value ^ (value >> 47) ^ words[16 + lane]) * PRIME32_1 & MASK


def xxh3_64(data, seed):
    """XXH3-64 of `data` (bytes)."""
    if len(data) > 240:
        return _long(data, seed)
    return _middle(data, seed) if len(data) > 16 else _short(data, seed)
