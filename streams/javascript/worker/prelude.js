// Evaluated in every new context, before the codec. Its value is `setup(scope, mode, lenient, modular)`, which gives the one
// function that the worker calls: `step(calls, count)`. `scope()` initialises the codec and tells its functions.
// The answers of a codec that has changed the language itself are not given: it needs a fresh context per message.
//
// The codec can change every built-in of its own context, so what is needed here is taken beforehand.
(function (G) {
  "use strict";
  const { parse, stringify } = JSON;
  const { keys, create } = Object;
  const { apply, construct, defineProperty, deleteProperty, getOwnPropertyDescriptor, getPrototypeOf, isExtensible, ownKeys,
    setPrototypeOf } = Reflect;
  const { isArray } = Array;
  const { isFinite, isSafeInteger } = Number;
  const [TrueDate, TrueNumber, TrueString, TrueBoolean] = [Date, Number, String, Boolean];
  const { fromCharCode: fromCodes } = String;
  const { min } = Math;
  const { slice } = String.prototype;
  const { join } = Array.prototype;
  const [Bytes, Doubles] = [Uint8Array, Float64Array];
  const [fromHex, toList, search] = [Bytes.fromHex, Array.prototype.toSpliced, String.prototype.indexOf].map(unbound);
  const MemoryError = InternalError;

  const RESULT_LIMIT = 262144; // characters of one codec's result
  const TEXT_LIMIT = 300; // characters of an error or a warning
  const LIST_LIMIT = 20; // warnings of one message
  const FAULT_LIMIT = 20; // names of values that are no numbers
  const DEPTH_LIMIT = 200; // of a result that has to be looked through

  const NONE = Object.freeze([]);
  const [UPLINK, LEGACY, CHIRPSTACK, NOTHING] = [0, 1, 2, 3]; // decodeUplink, Decoder, Decode: the first that there is

  let buffer, numbers, next, nextByte; // the request, its numbers, how far these and its payloads are read
  let manner, call, self, normalizer, normalizerSelf; // the codec's functions, and what they are methods of
  let now = 0; // ms since the epoch
  let seed = 0;

  // -- the codec's surroundings: no clock but the message's own, no chance but one that repeats --

  function MessageDate(...parts) {
    if (!new.target) return new TrueDate(now).toString();
    return construct(TrueDate, parts.length ? parts : [now], new.target === MessageDate ? TrueDate : new.target);
  }
  defineProperty(MessageDate, "name", { value: "Date", configurable: true });
  defineProperty(MessageDate, "length", { value: 7, configurable: true });
  hide(MessageDate, "now", () => now);
  hide(MessageDate, "parse", TrueDate.parse);
  hide(MessageDate, "UTC", TrueDate.UTC);
  defineProperty(MessageDate, "prototype", { value: TrueDate.prototype, writable: false });
  hide(TrueDate.prototype, "constructor", MessageDate);
  hide(G, "Date", MessageDate);
  hide(Math, "random", () => {
    seed = (seed * 1664525 + 1013904223) % 4294967296;
    return seed / 4294967296;
  });
  deleteProperty(G, "performance");

  // A method as a function of what it is a method of, which nobody can change afterwards.
  function unbound(method) {
    return apply(Function.prototype.bind, Function.prototype.call, [method]);
  }

  const silent = () => undefined;
  const quiet = {};
  for (const name of ["assert", "count", "debug", "dir", "error", "group", "groupCollapsed", "groupEnd", "info", "log",
    "table", "time", "timeEnd", "timeLog", "trace", "warn"]) quiet[name] = silent;
  hide(G, "console", quiet);

  function hide(holder, name, value) {
    defineProperty(holder, name, { value, writable: true, configurable: true, enumerable: false });
  }

  // A vendor's file may export its functions in either way.
  function offerModule() {
    const module = { exports: {} };
    hide(G, "module", module);
    hide(G, "exports", module.exports);
  }

  // What a codec could keep something in, or break for its next message. Watched is how many properties each has, what it
  // inherits from, and whether it can be added to; a method that a codec replaces shows in its examples only.
  const SHARED = [Object, Object.prototype, Array, Array.prototype, String, String.prototype, Number, Number.prototype,
    Boolean.prototype, Function.prototype, Date, Date.prototype, RegExp.prototype, Uint8Array.prototype,
    getPrototypeOf(Uint8Array.prototype), Map.prototype, Set.prototype, Error.prototype, Symbol, Promise, Reflect, Math, JSON,
    quiet, G];

  offerModule();

  // A request: four numbers of each call as doubles, behind one that counts them: the length of its payload, and of what is
  // told of its sender, 0 where nothing is; port and time. Then the bytes of both, call by call.
  function accept(hex) {
    buffer = fromHex(Bytes, hex).buffer;
    const count = new Doubles(buffer, 0, 1)[0];
    numbers = new Doubles(buffer, 8, 4 * count);
    next = 0;
    nextByte = (8 + 32 * count) | 0;
  }

  // ASCII text of the request.
  function characters(from, length) {
    const parts = [];
    for (let at = 0; at < length; at += 1024) {
      parts[at / 1024] = apply(fromCodes, undefined, new Bytes(buffer, from + at, min(1024, length - at)));
    }
    return apply(join, parts, [""]);
  }

  // -- one message --

  return function setup(scope, mode, lenient, modular) {
    const wrapped = mode === "wrapped";
    if (wrapped) stepBack(modular);
    const before = mode === "fresh" ? null : states();

    return function step(hex, count) {
      if (hex !== null) accept(hex);
      const answers = [];
      for (let at = 0; at < count; at++) answers[at] = answer();
      if (before && changed(before)) return "";
      return apply(join, ["[", apply(join, answers, [","]), "]"], [""]); // joined: the binding cannot read a rope
    };

    function answer() {
      const length = numbers[next] | 0, about = numbers[next + 1] | 0, told = numbers[next + 2]; // integers, not doubles
      const port = told === (told | 0) ? told | 0 : told;
      now = numbers[next + 3];
      next += 4;
      seed = 1;
      let text;
      try {
        const bytes = toList(new Bytes(buffer, nextByte, length));
        const who = about === 0 ? undefined : parse(characters(nextByte + length, about));
        text = who === undefined ? read(bytes, port) : read(bytes, port, who[0], who[1]);
      } catch (error) {
        text = failure("codec-threw", describe(error));
      }
      nextByte += length + about;
      if (wrapped) forget();
      return text;
    }

    function read(bytes, port, device, variables = {}) {
      if (wrapped && modular) offerModule();
      find(apply(scope, G, NONE)); // a script's top-level `this` is the global object
      let result;
      if (manner === UPLINK) {
        const input = { bytes, fPort: port, recvTime: new TrueDate(now), variables };
        if (device !== undefined) input.device = device;
        result = self === undefined ? call(input) : apply(call, self, [input]);
        if (isRecord(result) && isNothing(result.errors) && isRecord(result.data)) return told(result.data, result.warnings);
        const refused = refusal(result);
        if (refused) return failure(refused[0], refused[1]);
        if (!isBare(result)) return told(result.data, result.warnings);
      } else if (manner === LEGACY) {
        result = apply(call, self, [bytes, port]);
      } else if (manner === CHIRPSTACK) {
        result = apply(call, self, [port, bytes, variables]);
      } else {
        return failure("codec-broken", "no function decodeUplink, Decoder or Decode");
      }
      if (!isData(result)) return failure("no-data", "the codec gave " + kind(result));
      return told(result, undefined);
    }

    // The codec's functions, as this message's initialisation has left them: by name, wherever they are.
    function find(names) {
      manner = NOTHING;
      call = normalizer = undefined;
      consider(names, undefined);
      if (names.driver !== undefined && isHolder(names.driver)) consider(names.driver, names.driver);
      if (!modular) return;
      if (isHolder(G.exports)) consider(G.exports, G.exports);
      if (isHolder(G.module) && isHolder(G.module.exports)) consider(G.module.exports, G.module.exports);
    }

    // Why the answer of a decodeUplink cannot be used; undefined when it can.
    function refusal(result) {
      if (!isRecord(result) && !isBare(result)) return ["no-data", "decodeUplink gave " + kind(result)];
      const errors = texts(result.errors);
      if (errors.length) return ["decode-errors", joined(errors)];
      if (isData(result.data) || isBare(result)) return undefined;
      const error = texts(result.error);
      if (error.length) return ["decode-errors", joined(error)];
      const warnings = joined(texts(result.warnings));
      return ["no-data", "data is " + kind(result.data) + (warnings ? "; " + warnings : "")];
    }

    function isBare(result) {
      if (!isData(result)) return false;
      return lenient && result.data === undefined && result.errors === undefined && result.warnings === undefined;
    }

    function isData(value) {
      return isRecord(value) || (lenient && isArray(value));
    }
  };

  function consider(holder, owner) {
    if (manner > UPLINK && typeof holder.decodeUplink === "function") take(UPLINK, holder.decodeUplink, owner);
    else if (manner > LEGACY && typeof holder.Decoder === "function") take(LEGACY, holder.Decoder, owner);
    else if (manner > CHIRPSTACK && typeof holder.Decode === "function") take(CHIRPSTACK, holder.Decode, owner);
    if (normalizer === undefined && typeof holder.normalizeUplink === "function") {
      normalizer = holder.normalizeUplink;
      normalizerSelf = owner;
    }
  }

  function take(found, method, owner) {
    manner = found;
    call = method;
    self = owner;
  }

  // The built-ins go behind the global object: a codec's global of the same name hides them for one message, and what is left
  // of the global object is quick to look through.
  function stepBack(modular) {
    const behind = create(getPrototypeOf(G));
    const names = ownKeys(G);
    for (let at = 0; at < names.length; at++) {
      const told = getOwnPropertyDescriptor(G, names[at]);
      if (told.configurable) {
        defineProperty(behind, names[at], told);
        deleteProperty(G, names[at]);
      }
    }
    setPrototypeOf(G, behind);
    if (modular) offerModule();
    SHARED[SHARED.length] = behind;
  }

  // Whatever the codec left as a global is gone before the next message.
  function forget() {
    const left = keys(G);
    for (let at = 0; at < left.length; at++) deleteProperty(G, left[at]);
  }

  function states() {
    const found = [];
    for (let at = 0; at < SHARED.length; at++) {
      const one = SHARED[at];
      found[at] = { count: ownKeys(one).length, parent: getPrototypeOf(one) };
    }
    return found;
  }

  function changed(before) {
    for (let at = 0; at < before.length; at++) {
      const one = SHARED[at], { count, parent } = before[at];
      if (ownKeys(one).length !== count || getPrototypeOf(one) !== parent || !isExtensible(one)) return true;
    }
    return false;
  }

  // -- what it answers, as JSON --

  function told(data, warnings) {
    const faults = [];
    const text = plainText(data, faults);
    if (text === undefined || (text[0] !== "{" && text[0] !== "[")) return failure("no-data", "data is no object");
    if (text.length > RESULT_LIMIT) return failure("codec-result-too-large", text.length + " characters");
    let answer = '{"data":' + text;
    const said = isNothing(warnings) ? NONE : texts(warnings);
    if (normalizer !== undefined) answer += normalised(text, faults);
    if (said.length) answer += ',"warnings":' + listed(said);
    if (faults.length) answer += ',"not_finite":' + listed(faults);
    return answer + "}";
  }

  // Its input is what a server would hand on: the data as JSON.
  function normalised(text, faults) {
    let result;
    try {
      result = apply(normalizer, normalizerSelf, [{ data: parse(text) }]);
      const errors = isRecord(result) ? texts(result.errors) : ["normalizeUplink gave " + kind(result)];
      if (errors.length) return ',"normalizer_error":' + stringify(joined(errors));
      const said = texts(result.warnings);
      const out = plainText(result.data, faults);
      if (out === undefined || out.length > RESULT_LIMIT) {
        return ',"normalizer_error":' + stringify("data is " + (out ? "too large" : kind(result.data)));
      }
      return ',"normalized":' + out + (said.length ? ',"normalizer_warnings":' + listed(said) : "");
    } catch (error) {
      return ',"normalizer_error":' + stringify(describe(error));
    }
  }

  // JSON.stringify makes null of NaN and Infinity: only a text with a null in it has to be looked through for them.
  function plainText(value, faults) {
    let text;
    try {
      text = stringify(value);
    } catch (error) {
      describe(error);
      return stringify(plain(value, "", faults, 0)); // a BigInt; whatever else it was is thrown again
    }
    if (typeof text === "string" && holdsNull(text)) text = stringify(plain(value, "", faults, 0));
    return text;
  }

  function holdsNull(text) {
    return search(text, "null") >= 0;
  }

  function plain(value, path, faults, depth) {
    if (isHolder(value) && typeof value.toJSON === "function") value = value.toJSON(path);
    if (value instanceof TrueNumber || value instanceof TrueString || value instanceof TrueBoolean) value = value.valueOf();
    if (typeof value === "number" && !isFinite(value)) {
      if (faults.length < FAULT_LIMIT) faults[faults.length] = cut(path);
      return undefined;
    }
    if (typeof value === "bigint") return isSafeInteger(TrueNumber(value)) ? TrueNumber(value) : TrueString(value);
    if (typeof value !== "object" || value === null) return value;
    if (depth > DEPTH_LIMIT) throw new RangeError("the result is nested too deeply");
    const before = path === "" ? "" : path + ".";
    if (isArray(value)) {
      const list = [];
      for (let at = 0; at < value.length; at++) list[at] = plain(value[at], before + at, faults, depth + 1);
      return list;
    }
    const copy = create(null);
    const names = keys(value);
    for (let at = 0; at < names.length; at++) {
      copy[names[at]] = plain(value[names[at]], before + names[at], faults, depth + 1);
    }
    return copy;
  }

  function failure(reason, detail) {
    return "[" + stringify(reason) + "," + stringify(detail) + "]";
  }

  // An error as text. Want of memory is nobody's answer: the worker runs the batch again, one by one.
  function describe(error) {
    let text;
    try {
      if (error instanceof MemoryError && error.message === "out of memory") throw error;
      text = isHolder(error) && "message" in error ? error.name + ": " + error.message : TrueString(error);
    } catch (another) {
      if (another instanceof MemoryError && another.message === "out of memory") throw another;
      text = "something that cannot be told";
    }
    return cut(text);
  }

  // errors and warnings as they come: absent, null, a text, or an array of anything.
  function texts(told) {
    if (isNothing(told)) return NONE;
    const list = isArray(told) ? told : [told];
    const said = [];
    for (let at = 0; at < list.length && at < LIST_LIMIT; at++) {
      said[at] = typeof list[at] === "string" ? cut(list[at]) : cut(typeof list[at] === "object" ? stringify(list[at]) : TrueString(list[at]));
    }
    return said;
  }

  function isNothing(told) {
    return told === undefined || told === null || told === false || told === "" || told.length === 0;
  }

  // As JSON, without asking the arrays' own methods.
  function listed(list) {
    let text = "[";
    for (let at = 0; at < list.length; at++) text += (at ? "," : "") + stringify(list[at]);
    return text + "]";
  }

  function joined(list) {
    let text = "";
    for (let at = 0; at < list.length; at++) text += (at ? "; " : "") + list[at];
    return cut(text);
  }

  function cut(text) {
    text = typeof text === "string" ? text : typeof text === "symbol" ? "a symbol" : "" + text;
    return text.length <= TEXT_LIMIT ? text : apply(slice, text, [0, TEXT_LIMIT]);
  }

  function isHolder(value) {
    return (typeof value === "object" && value !== null) || typeof value === "function";
  }

  function isRecord(value) {
    return typeof value === "object" && value !== null && !isArray(value);
  }

  function kind(value) {
    if (value === null || value === undefined) return "missing";
    return isArray(value) ? "an array" : "a " + typeof value;
  }
});
