"""Random numbers and vectors, biased to the edges, and how the text format writes them."""
import math
import struct

NUMBERS = ["i32", "i64", "f32", "f64"]
REFERENCES = ["externref", "funcref", "exnref"]
SHAPES = {"i8x16": 8, "i16x8": 16, "i32x4": 32, "i64x2": 64, "f32x4": 32, "f64x2": 64}


def wrap(v, bits):
    v &= (1 << bits) - 1
    return v - (1 << bits) if v >> (bits - 1) else v


def integer(r, bits):
    k = r.randrange(6)
    if k == 0:
        v = r.choice([0, 1, -1, 2, 3, 5, 7, 10, 100, 2**31, 2**32 - 1, -(2**31)])
    elif k == 1:
        v = r.choice([1, -1]) * (1 << r.randrange(bits)) + r.choice([-1, 0, 1])
    elif k == 2:
        v = r.getrandbits(bits)
    else:
        v = r.randrange(-70, 300)
    return wrap(v, bits)


def number(r, t):
    """A value of the type, as the script's arguments have it: 16 bytes for a vector, None or a small number for a reference."""
    if t == "v128":
        return vector(r)
    if t == "externref":
        return r.choice([None, 0, 1, 2, 77])
    if t in REFERENCES:
        return None
    if t[0] == "i":
        return integer(r, int(t[1:]))
    edge = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, math.inf, -math.inf, math.nan, 2.0**31, -(2.0**31),
            2.0**32, 2.0**63, -(2.0**63), 2.0**64, 2.0**-149, 2.0**-126, 2147483520.0, 16777216.0]
    if t == "f64":
        edge += [5e-324, 1.7976931348623157e308, 2147483647.5, 4294967295.5, -2147483648.9, 0.1]
    return r.choice(edge) if r.random() < 0.7 else r.randrange(-99999, 99999) / 8


def vector(r):
    """16 bytes: lanes of some shape, all the same, each its own, or counted."""
    shape = r.choice(list(SHAPES))
    bits, k = SHAPES[shape], r.randrange(5)
    count = 128 // bits
    if shape[0] == "f" and k:
        kind = "f" if bits == 32 else "d"
        lanes = [struct.pack("<" + kind, number(r, f"f{bits}")) for _ in range(count)]
        if k == 1:
            # A NaN with a payload, of either kind and sign.
            lanes[r.randrange(count)] = ((2**9 - 1 if bits == 32 else 2**12 - 1) << (bits - 9 if bits == 32 else 52)
                                         | r.getrandbits(22) | 1).to_bytes(bits // 8, "little")
    elif k == 0:
        lanes = [i.to_bytes(bits // 8, "little") for i in range(count)]
    elif k == 1:
        lanes = [(r.choice([0, -1]) & (2**bits - 1)).to_bytes(bits // 8, "little") for _ in range(count)]
    else:
        lanes = [(integer(r, bits) & (2**bits - 1)).to_bytes(bits // 8, "little") for _ in range(count)]
    if k == 2:
        lanes = lanes[:1] * count
    return b"".join(lanes)


def text(v, t):
    if t[0] == "i":
        return str(v)
    return "nan" if math.isnan(v) else ("-inf" if v < 0 else "inf") if math.isinf(v) else v.hex()


def float_bits(bits, width):
    """The text of a float of these bits, its payload included."""
    mantissa = 23 if width == 32 else 52
    payload, sign = bits & (2**mantissa - 1), "-" if bits >> (width - 1) else ""
    if (bits >> mantissa) & (2 ** (width - 1 - mantissa) - 1) == 2 ** (width - 1 - mantissa) - 1:
        return f"{sign}nan:0x{payload:x}" if payload else sign + "inf"
    return struct.unpack("<f" if width == 32 else "<d", bits.to_bytes(width // 8, "little"))[0].hex()


def literal(value, shape="i64x2", signed=True):
    """`value`, 16 bytes, as what `v128.const` takes."""
    bits = SHAPES[shape]
    lanes = [int.from_bytes(value[i:i + bits // 8], "little") for i in range(0, 16, bits // 8)]
    if shape[0] == "f":
        return shape + "".join(" " + float_bits(x, bits) for x in lanes)
    return shape + "".join(f" {wrap(x, bits) if signed else x}" for x in lanes)


def constant(v, t):
    """The instruction that leaves `v`."""
    if t == "v128":
        return "v128.const " + literal(v)
    if t == "externref" and v is not None:
        return f"ref.extern {v}"
    return f"ref.null {t[:-3]}" if t in REFERENCES else f"{t}.const {text(v, t)}"


def zero(t):
    return constant(bytes(16) if t == "v128" else None if t in REFERENCES else 0 if t[0] == "i" else 0.0, t)
