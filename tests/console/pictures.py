"""Pictures of pages, small enough for a repository: of at most 256 colours.

The browser itself reads the pixels and finds the colours; here they become a PNG.
"""

import base64
import struct
import zlib

COLOURS = 256

UNLIKE = 300
"""By the squares of what red, green and blue are apart."""

FEW = """async ([png, most]) => {
  const image = await createImageBitmap(await (await fetch(png)).blob());
  const {width, height} = image;
  const canvas = new OffscreenCanvas(width, height).getContext('2d');
  canvas.drawImage(image, 0, 0);
  const octets = canvas.getImageData(0, 0, width, height).data;
  const pixels = new Uint32Array(width * height), number = new Map();
  for (let at = 0; at < pixels.length; at++) {
    const [red, green, blue] = octets.subarray(4 * at, 4 * at + 3);
    const colour = pixels[at] = red << 16 | green << 8 | blue;
    number.set(colour, (number.get(colour) ?? 0) + 1);
  }
  const away = (a, b) => [16, 8, 0].reduce(
    (sum, bits) => sum + ((a >> bits & 255) - (b >> bits & 255)) ** 2, 0);
  const colours = [...number].sort((a, b) => b[1] - a[1]).map(([colour]) => colour);
  const kept = colours.splice(0, most / 4);
  // Then what is unlike all of them, however little there is of it.
  for (const colour of colours)
    if (kept.length < most && kept.every((one) => away(one, colour) > UNLIKE))
      kept.push(colour);
  const place = new Map([...number.keys()].map((colour) => [colour, kept.reduce(
    (best, one, at) => away(one, colour) < away(kept[best], colour) ? at : best, 0)]));
  let text = '';
  for (const pixel of pixels) text += String.fromCharCode(place.get(pixel));
  return {width, height, kept, pixels: btoa(text)};
}""".replace("UNLIKE", str(UNLIKE))


def smaller(page, png: bytes) -> bytes:
    """The same picture in the colours that it has most of; a page of nobody's."""
    given = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    found = page.evaluate(FEW, [given, COLOURS])
    width, height = found["width"], found["height"]
    pixels = base64.b64decode(found["pixels"])
    rows = b"".join(
        b"\0" + pixels[at : at + width] for at in range(0, width * height, width)
    )
    palette = b"".join(colour.to_bytes(3, "big") for colour in found["kept"])
    head = struct.pack(">2I5B", width, height, 8, 3, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(name, content)
        for name, content in (
            (b"IHDR", head),
            (b"PLTE", palette),
            (b"IDAT", zlib.compress(rows, 9)),
            (b"IEND", b""),
        )
    )


def _chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)
