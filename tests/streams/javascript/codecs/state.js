// Keeps things in every place that a careless author uses.
var serial = "";
let total = 0;
count = 0;

function decodeUplink(input) {
  if (input.bytes.length) serial = "S" + input.bytes[0];
  total += 1;
  count += 1;
  implicit = (typeof implicit === "undefined" ? 0 : implicit) + 1;
  globalThis.open = (globalThis.open || 0) + 1;
  this.own = (this.own || 0) + 1;
  exports.kept = (exports.kept || 0) + 1;
  decodeUplink.calls = (decodeUplink.calls || 0) + 1;
  input.bytes.push(99);
  return { data: { serial: serial, sum: [total, count, implicit, globalThis.open, this.own, exports.kept, decodeUplink.calls] } };
}
