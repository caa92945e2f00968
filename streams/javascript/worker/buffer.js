// A small Buffer, for codecs that name it: an own Uint8Array with the readers and writers of Node's.
(function (G) {
  "use strict";
  const { defineProperty } = Object;

  function utf8Bytes(text) {
    const out = [];
    for (const letter of text) {
      let code = letter.codePointAt(0);
      if (code >= 0xd800 && code <= 0xdfff) code = 0xfffd;
      if (code < 0x80) out.push(code);
      else if (code < 0x800) out.push(0xc0 | (code >> 6), 0x80 | (code & 63));
      else if (code < 0x10000) out.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
      else out.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    }
    return out;
  }

  // Of a broken sequence the longest part that could begin a character becomes one replacement character.
  function utf8Text(bytes) {
    let text = "";
    for (let at = 0; at < bytes.length; ) {
      const first = bytes[at++];
      const more = first < 0x80 ? 0 : first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2
        : first >= 0xf0 && first < 0xf5 ? 3 : -1;
      if (more < 0) { text += "\ufffd"; continue; }
      let code = more === 0 ? first : first & (0x3f >> more);
      let low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
      let high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
      let left = more;
      while (left > 0 && at < bytes.length && bytes[at] >= low && bytes[at] <= high) {
        code = (code << 6) | (bytes[at++] & 63);
        low = 0x80;
        high = 0xbf;
        left--;
      }
      text += left > 0 ? "\ufffd" : String.fromCodePoint(code);
    }
    return text;
  }

  const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

  function base64Bytes(text) {
    const out = [];
    let bits = 0, held = 0;
    for (const letter of text.replace(/-/g, "+").replace(/_/g, "/")) {
      if (letter === "=") break;
      const value = ALPHABET.indexOf(letter);
      if (value < 0) continue;
      held = ((held << 6) | value) & 0xffff;
      bits += 6;
      if (bits >= 8) { bits -= 8; out.push((held >> bits) & 255); }
    }
    return out;
  }

  function base64Text(bytes) {
    let text = "";
    for (let at = 0; at < bytes.length; at += 3) {
      const three = (bytes[at] << 16) | ((bytes[at + 1] || 0) << 8) | (bytes[at + 2] || 0);
      for (let part = 0; part < 4; part++) {
        text += at + part > bytes.length ? "=" : ALPHABET[(three >> (18 - 6 * part)) & 63];
      }
    }
    return text;
  }

  function hexBytes(text) {
    const out = [];
    for (let at = 0; at + 1 < text.length; at += 2) {
      const pair = text.slice(at, at + 2);
      if (!/^[0-9a-f]{2}$/i.test(pair)) break;
      out.push(parseInt(pair, 16));
    }
    return out;
  }

  const HEX = [];
  for (let byte = 0; byte < 256; byte++) HEX.push((byte < 16 ? "0" : "") + byte.toString(16));

  function letters(bytes, mask) {
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte & mask);
    return text;
  }

  function encode(text, encoding) {
    switch (name(encoding)) {
      case "hex": return hexBytes(text);
      case "base64": case "base64url": return base64Bytes(text);
      case "ascii": case "latin1": case "binary": return Array.from(text, (_, at) => text.charCodeAt(at) & 255);
      case "utf16le": case "ucs2": case "ucs-2": case "utf-16le":
        return Array.from({ length: text.length * 2 }, (_, at) => (text.charCodeAt(at >> 1) >> (8 * (at & 1))) & 255);
      case "utf8": case "utf-8": return utf8Bytes(text);
      default: throw new TypeError("Unknown encoding: " + encoding);
    }
  }

  function name(encoding) {
    return encoding === undefined || encoding === null ? "utf8" : String(encoding).toLowerCase();
  }

  class Buffer extends Uint8Array {
    static from(value, second, third) {
      if (typeof value === "string") return new Buffer(encode(value, second));
      if (value instanceof ArrayBuffer) return new Buffer(value, second, third);
      if (value && value.type === "Buffer" && Array.isArray(value.data)) return new Buffer(value.data);
      if (typeof value === "object" && value !== null && value.length !== undefined) {
        const made = new Buffer(value.length);
        for (let at = 0; at < value.length; at++) made[at] = value[at];
        return made;
      }
      throw new TypeError("Buffer.from takes a string, an array or a buffer");
    }

    static alloc(size, fill, encoding) {
      const made = new Buffer(size);
      return fill === undefined ? made : made.fill(fill, 0, size, encoding);
    }

    static allocUnsafe(size) { return new Buffer(size); }
    static isBuffer(value) { return value instanceof Buffer; }
    static byteLength(value, encoding) {
      return typeof value === "string" ? encode(value, encoding).length : value.byteLength;
    }

    static concat(list, length) {
      if (length === undefined) length = list.reduce((sum, part) => sum + part.length, 0);
      const made = new Buffer(length);
      let at = 0;
      for (const part of list) {
        const room = length - at;
        if (room <= 0) break;
        made.set(part.length > room ? part.subarray(0, room) : part, at);
        at += part.length;
      }
      return made;
    }

    slice(start, end) { return this.subarray(start, end); }

    toString(encoding, start, end) {
      const part = start === undefined && end === undefined ? this : this.subarray(Math.max(0, start || 0), end === undefined ? this.length : Math.max(0, end));
      switch (name(encoding)) {
        case "hex": { let text = ""; for (const byte of part) text += HEX[byte]; return text; }
        case "base64": return base64Text(part);
        case "base64url": return base64Text(part).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
        case "ascii": return letters(part, 127);
        case "latin1": case "binary": return letters(part, 255);
        case "utf16le": case "ucs2": case "ucs-2": case "utf-16le": {
          let text = "";
          for (let at = 0; at + 1 < part.length; at += 2) text += String.fromCharCode(part[at] | (part[at + 1] << 8));
          return text;
        }
        case "utf8": case "utf-8": return utf8Text(part);
        default: throw new TypeError("Unknown encoding: " + encoding);
      }
    }

    toJSON() { return { type: "Buffer", data: Array.from(this) }; }
    equals(other) { return this.length === other.length && this.every((byte, at) => byte === other[at]); }

    copy(target, targetStart = 0, start = 0, end = this.length) {
      const part = this.subarray(start, Math.min(end, start + target.length - targetStart));
      target.set(part, targetStart);
      return part.length;
    }

    write(text, offset = 0, length, encoding) {
      if (typeof length === "string") { encoding = length; length = undefined; }
      const part = encode(text, encoding).slice(0, length === undefined ? this.length - offset : length);
      this.set(part, offset);
      return part.length;
    }

    fill(value, start = 0, end = this.length, encoding) {
      if (typeof value !== "string") return super.fill(value, start, end);
      const bytes = encode(value, encoding);
      for (let at = start; at < end; at++) this[at] = bytes.length ? bytes[(at - start) % bytes.length] : 0;
      return this;
    }

    readUIntBE(offset, size) { return this._bytes(offset, size).reduce((sum, byte) => sum * 256 + byte, 0); }
    readUIntLE(offset, size) { return this._bytes(offset, size).reduceRight((sum, byte) => sum * 256 + byte, 0); }
    readIntBE(offset, size) { return signed(this.readUIntBE(offset, size), size); }
    readIntLE(offset, size) { return signed(this.readUIntLE(offset, size), size); }

    writeUIntBE(value, offset, size) { return this._put(value, offset, size, false); }
    writeUIntLE(value, offset, size) { return this._put(value, offset, size, true); }
    writeIntBE(value, offset, size) { return this._put(value < 0 ? value + 2 ** (8 * size) : value, offset, size, false); }
    writeIntLE(value, offset, size) { return this._put(value < 0 ? value + 2 ** (8 * size) : value, offset, size, true); }

    _bytes(offset, size) {
      if (!(size >= 1 && size <= 6) || !(offset >= 0) || offset + size > this.length) outside(offset);
      return Array.from(this.subarray(offset, offset + size));
    }

    _put(value, offset, size, little) {
      if (!(size >= 1 && size <= 6) || !(offset >= 0) || offset + size > this.length) outside(offset);
      for (let at = 0; at < size; at++) {
        this[little ? offset + at : offset + size - 1 - at] = value % 256;
        value = Math.floor(value / 256);
      }
      return offset + size;
    }
  }

  function signed(value, size) {
    return value >= 2 ** (8 * size - 1) ? value - 2 ** (8 * size) : value;
  }

  function outside(offset) {
    throw new RangeError("The value of offset is out of range: " + offset);
  }

  // readUInt16BE, readUint16BE, writeDoubleLE, …: what DataView has, by Node's names.
  const KINDS = { Uint8: 1, Int8: 1, Uint16: 2, Int16: 2, Uint32: 4, Int32: 4, Float32: 4, Float64: 8, BigInt64: 8, BigUint64: 8 };
  const NAMES = { Uint8: ["UInt8", "Uint8"], Uint16: ["UInt16", "Uint16"], Uint32: ["UInt32", "Uint32"],
    Float32: ["Float"], Float64: ["Double"], BigUint64: ["BigUInt64", "BigUint64"] };

  for (const kind of Object.keys(KINDS)) {
    const size = KINDS[kind], get = DataView.prototype["get" + kind], set = DataView.prototype["set" + kind];
    for (const named of NAMES[kind] || [kind]) {
      for (const [order, little] of size === 1 ? [["", false]] : [["BE", false], ["LE", true]]) {
        method("read" + named + order, function (offset = 0) {
          if (typeof offset !== "number") throw new TypeError("offset must be a number");
          if (!(offset >= 0 && offset + size <= this.length) || offset % 1) outside(offset);
          return get.call(new DataView(this.buffer, this.byteOffset, this.length), offset, little);
        });
        method("write" + named + order, function (value, offset = 0) {
          if (!(offset >= 0 && offset + size <= this.length) || offset % 1) outside(offset);
          set.call(new DataView(this.buffer, this.byteOffset, this.length), offset, value, little);
          return offset + size;
        });
      }
    }
  }

  function method(named, value) {
    defineProperty(Buffer.prototype, named, { value, writable: true, configurable: true, enumerable: false });
  }

  defineProperty(G, "Buffer", { value: Buffer, writable: true, configurable: true, enumerable: false });
})(globalThis);
