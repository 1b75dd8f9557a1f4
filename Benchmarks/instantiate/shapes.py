#!/usr/bin/env python3
"""Writes the modules that are instantiated: usage: shapes.py FOLDER.

Each has a memory with an image, and an export `touch(writes, reads)`, which writes a word in
as many pages, evenly spread over the memory, then reads a word in as many others, and returns `writes`.

    small    4 KiB of image      2 writes, one in the image and one in the zeros behind it
    medium   1 MiB              10 writes
    large   16 MiB             100 writes; large+rd reads 400 pages too

Each memory has at least 64 KiB behind its image.
"""
import pathlib
import sys

SHAPES = {"small": (4 << 10, 2, 0), "medium": (1 << 20, 10, 0), "large": (16 << 20, 100, 0), "large+rd": (16 << 20, 100, 400)}


def leb(value):
    out = bytearray()
    while True:
        byte, value = value & 127, value >> 7
        out.append(byte | (128 if value else 0))
        if not value:
            return bytes(out)


def sleb(value):
    """Of 0 to 2^31 - 1."""
    out = bytearray()
    while True:
        byte, value = value & 127, value >> 7
        if value == 0 and not byte & 64:
            return bytes(out + bytearray([byte]))
        out.append(byte | 128)


def section(number, contents):
    return bytes([number]) + leb(len(contents)) + contents


def module(image):
    pages = (image + 0xFFFF) // 0x10000 + 1

    def loop(count, body):
        # local 2: address, local 3: step, local 4: left
        step = b"\x41" + sleb(pages << 16) + b"\x20" + bytes([count]) + b"\x6e\x41\x70\x71\x21\x03"
        return (b"\x20" + bytes([count]) + b"\x04\x40" + step + b"\x41\x00\x21\x02\x20" + bytes([count]) + b"\x21\x04"
                + b"\x03\x40" + body + b"\x20\x02\x20\x03\x6a\x21\x02"
                + b"\x20\x04\x41\x01\x6b\x22\x04\x0d\x00\x0b\x0b")

    write = b"\x20\x02\x20\x04\x36\x02\x08"  # i32.store offset=8 (address, left)
    read = b"\x20\x02\x28\x02\x0c\x20\x05\x6a\x21\x05"  # sum += i32.load offset=12
    code = b"\x01\x04\x7f" + loop(0, write) + loop(1, read) + b"\x20\x00\x0b"
    data = bytes((i * 2654435761 >> 7 & 255) | 1 for i in range(4096)) * (image // 4096)
    return (b"\0asm\1\0\0\0"
            + section(1, b"\x01\x60\x02\x7f\x7f\x01\x7f")
            + section(3, b"\x01\x00")
            + section(5, b"\x01\x00" + leb(pages))
            + section(7, b"\x02\x05touch\x00\x00\x06memory\x02\x00")
            + section(10, b"\x01" + leb(len(code)) + code)
            + section(11, b"\x01\x00\x41\x00\x0b" + leb(len(data)) + data))


def write(folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, (image, _, _) in SHAPES.items():
        if "+" not in name:
            (folder / f"{name}.wasm").write_bytes(module(image))


if __name__ == "__main__":
    write(sys.argv[1])
