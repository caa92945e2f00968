// A length byte of zero never moves on.
function decodeUplink(input) {
  var at = 0, found = 0;
  while (at < input.bytes.length) { found += 1; at += input.bytes[at]; }
  return { data: { found: found } };
}
