// Byte 0 chooses what is tried. Byte 0xee is a good payload between two bad ones.
var TRICKS = [
  function () { var all = []; while (true) all.push(new Array(1000).fill(1.5)); },
  function () { var text = "x"; while (true) text += text; },
  function () { var all = []; while (true) all.push(new Uint8Array(1e6).fill(1)); },
  function () { return /^(a+)+$/.test(new Array(40).join("a") + "b"); },
  function () { function again() { return Promise.resolve().then(again); } again(); while (true) { /* for ever */ } },
  function () { return new Proxy({}, { ownKeys: function () { while (true) { /* for ever */ } } }); },
  function () { return { toJSON: function () { while (true) { /* for ever */ } } }; },
  function () { [3, 1, 2].sort(function () { while (true) { /* for ever */ } }); },
  function () { var deep = {}; for (var at = 0; at < 1e5; at++) deep = { deep: deep }; return deep; },
  function () { var text = ""; for (var at = 0; at < 1e5; at++) text += "["; return JSON.parse(text); },
  function () { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); },
  function () { var code = "1"; while (true) { code = "eval(" + JSON.stringify(code) + ")"; eval(code); } },
  function () { (function self() { self(); })(); },
  function () { try { while (true) { /* for ever */ } } catch (e) { return { caught: true }; } finally { while (true) { /* and again */ } } },
  function () { var self = {}; self.self = self; return self; },
  function () { throw { toString: function () { while (true) { /* for ever */ } } }; },
  function () { throw null; },
  function () { return new Array(1e6).join("x"); },
  function () { return BigInt("9".repeat(4000)) ** 4000n; },
  function () { function* endless() { while (true) yield 1; } return Array.from(endless()); },
  function () { Object.prototype.toJSON = function () { return "mine"; }; return { a: 1 }; },
  function () { String.prototype.indexOf = function () { throw 1; }; Array.prototype.join = function () { return "]"; }; return { a: null }; },
];

function decodeUplink(input) {
  if (input.bytes[0] === 0xee) return { data: { good: input.bytes[1] } };
  return { data: { result: TRICKS[input.bytes[0]]() } };
}
