// Columns of whole numbers: base64, deflate, byte planes, differences (packing.py).

function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

async function unpack(packed) {
  const stream = new Blob([bytesOf(packed.data)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const planes = new Uint8Array(await new Response(stream).arrayBuffer());
  const size = planes.length / 4;
  const result = { length: packed.length };
  packed.columns.forEach((name, place) => {
    const column = new Int32Array(packed.length);
    let value = 0;
    for (let i = 0, at = place * packed.length; i < packed.length; i++, at++) {
      value += planes[at] | (planes[size + at] << 8) | (planes[2 * size + at] << 16) | (planes[3 * size + at] << 24);
      column[i] = value | 0;
      value = column[i];
    }
    result[name] = column;
  });
  return result;
}
