// Careless with short payloads: numbers that are none, and a throw.
function decodeUplink(input) {
  var data = { level: (input.bytes[0] << 8) + input.bytes[1], rate: 1 / 0, list: [1, NaN], ok: true };
  if (input.bytes.length === 0) throw new RangeError("no bytes");
  return { data: data };
}
