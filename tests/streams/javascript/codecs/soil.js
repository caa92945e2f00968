// A soil probe: what a good codec looks like. Port 1: battery, then readings; port 2: one text.
var TYPES = { 1: ["temperature", 100, true], 2: ["moisture", 10, false], 3: ["ec", 1000, false] };

function int16(high, low, signed) {
  var value = (high << 8) | low;
  return signed && value & 0x8000 ? value - 0x10000 : value;
}

function decodeUplink(input) {
  if (input.fPort === 2) return { data: { text: String.fromCharCode.apply(null, input.bytes) } };
  if (input.fPort !== 1) return { errors: ["unknown port " + input.fPort] };
  var data = { battery: input.bytes[0] / 50 };
  var warnings = [];
  for (var i = 1; i + 2 < input.bytes.length; i += 3) {
    var type = TYPES[input.bytes[i]];
    if (!type) return { errors: ["unknown type " + input.bytes[i]] };
    data[type[0]] = int16(input.bytes[i + 1], input.bytes[i + 2], type[2]) / type[1];
  }
  if (data.battery < 3) warnings.push("battery low");
  return { data: data, warnings: warnings };
}

function normalizeUplink(input) {
  var soil = {};
  if (input.data.temperature !== undefined) soil.temperature = input.data.temperature;
  if (input.data.moisture !== undefined) soil.moisture = input.data.moisture;
  return { data: { battery: input.data.battery, soil: soil }, warnings: [] };
}
