// Everything that vendors ask of Node's Buffer.
function decodeUplink(input) {
  var b = Buffer.from(input.bytes);
  var w = Buffer.alloc(14);
  w.writeInt16BE(-2, 0);
  w.writeUInt32LE(0xdeadbeef, 2);
  w.writeDoubleBE(1.5, 6);
  return {
    data: {
      is: Buffer.isBuffer(b) && !Buffer.isBuffer(input.bytes),
      hex: b.toString("hex"), part: b.slice(1, 3).toString("hex"), base64: b.toString("base64"),
      utf8: Buffer.from("é€😀").toString("hex"), back: Buffer.from("c3a9e282acf09f9880", "hex").toString(),
      broken: Buffer.from([0x61, 0xff, 0xe2, 0x82, 0x62]).toString("utf8"),
      i8: b.readInt8(0), u8: b.readUInt8(0), u16be: b.readUInt16BE(0), i16le: b.readInt16LE(0), u24: b.readUIntBE(0, 3),
      i24: b.readIntLE(0, 3), u32: b.readUInt32LE(0), i32: b.readInt32BE(0), f: b.readFloatBE(4), d: b.readDoubleLE(0),
      big: b.readBigInt64BE(0).toString(), written: w.toString("hex"), joined: Buffer.concat([b.slice(0, 1), Buffer.from("01", "hex")]).toString("hex"),
      shared: (function () { var s = b.slice(0, 1); s[0] = 7; return b[0]; })(), json: b.slice(0, 2),
    },
  };
}
