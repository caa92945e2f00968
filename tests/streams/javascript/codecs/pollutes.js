// Extends what every object has, enumerably: whoever shares its world and uses for…in is wrong from then on.
Object.prototype.intruder = function () {};
Array.prototype.intruder = 1;
JSON.stringify = function () { return "{}"; };
globalThis.leaked = "secret of another codec";
function decodeUplink(input) {
  return { data: { a: input.bytes[0] } };
}
