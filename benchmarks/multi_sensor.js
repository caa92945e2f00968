// A multi-sensor's payload: a run of (channel, type, value); history records may be among them.
// Written for measuring: as long, as plain and as repetitive as what vendors publish for such a device.

function decodeUplink(input) {
  try {
    var data = decode(input.bytes);
    var warnings = data.battery !== undefined && data.battery < 10 ? ["battery is low"] : [];
    return { data: data, warnings: warnings };
  } catch (error) {
    return { errors: [error.message] };
  }
}

function decode(bytes) {
  var decoded = {};
  for (var at = 0; at < bytes.length; ) {
    var channel = bytes[at++];
    var type = bytes[at++];
    // what the device says of itself
    if (channel === 0xff) {
      at = readInformation(decoded, bytes, at, type);
    }
    // a record that was kept while there was no network
    else if (channel === 0x20) {
      need(bytes, at, 7, "history");
      decoded.history = decoded.history || [];
      decoded.history.push({
        timestamp: uint32(bytes, at),
        temperature: round(int16(bytes, at + 4) / 10, 1),
        humidity: bytes[at + 6] / 2,
      });
      at += 7;
    }
    // temperature, in °C
    else if (type === 0x67) {
      need(bytes, at, 2, "temperature");
      if (int16(bytes, at) !== 0x7fff) { // else the sensor is not connected
        put(decoded, "temperature", channel, round(int16(bytes, at) / 10, 1));
      }
      at += 2;
    }
    // humidity, in %
    else if (type === 0x68) {
      need(bytes, at, 1, "humidity");
      if (bytes[at] !== 0xff) { // else the sensor is not connected
        put(decoded, "humidity", channel, round(bytes[at] / 2, 0));
      }
      at += 1;
    }
    // pir
    else if (type === 0x6a) {
      need(bytes, at, 2, "pir");
      if (uint16(bytes, at) !== 0xffff) { // else the sensor is not connected
        put(decoded, "pir", channel, round(uint16(bytes, at) / 1, 0));
      }
      at += 2;
    }
    // illumination, in lx
    else if (type === 0x65) {
      need(bytes, at, 2, "illumination");
      if (uint16(bytes, at) !== 0xffff) { // else the sensor is not connected
        put(decoded, "illumination", channel, round(uint16(bytes, at) / 1, 0));
      }
      at += 2;
    }
    // co2, in ppm
    else if (type === 0x7d) {
      need(bytes, at, 2, "co2");
      if (uint16(bytes, at) !== 0xffff) { // else the sensor is not connected
        put(decoded, "co2", channel, round(uint16(bytes, at) / 1, 0));
      }
      at += 2;
    }
    // tvoc
    else if (type === 0x7e) {
      need(bytes, at, 2, "tvoc");
      if (uint16(bytes, at) !== 0xffff) { // else the sensor is not connected
        put(decoded, "tvoc", channel, round(uint16(bytes, at) / 100, 2));
      }
      at += 2;
    }
    // pressure, in hPa
    else if (type === 0x73) {
      need(bytes, at, 2, "pressure");
      if (uint16(bytes, at) !== 0xffff) { // else the sensor is not connected
        put(decoded, "pressure", channel, round(uint16(bytes, at) / 10, 1));
      }
      at += 2;
    }
    // soil moisture, in %
    else if (type === 0x6b) {
      need(bytes, at, 2, "soil_moisture");
      if (uint16(bytes, at) !== 0xffff) { // else the sensor is not connected
        put(decoded, "soil_moisture", channel, round(uint16(bytes, at) / 100, 2));
      }
      at += 2;
    }
    // soil temperature, in °C
    else if (type === 0x6c) {
      need(bytes, at, 2, "soil_temperature");
      if (int16(bytes, at) !== 0x7fff) { // else the sensor is not connected
        put(decoded, "soil_temperature", channel, round(int16(bytes, at) / 10, 1));
      }
      at += 2;
    }
    // soil ec, in dS/m
    else if (type === 0x6d) {
      need(bytes, at, 2, "soil_ec");
      if (uint16(bytes, at) !== 0xffff) { // else the sensor is not connected
        put(decoded, "soil_ec", channel, round(uint16(bytes, at) / 1000, 3));
      }
      at += 2;
    }
    // wind speed, in m/s
    else if (type === 0x6e) {
      need(bytes, at, 2, "wind_speed");
      if (uint16(bytes, at) !== 0xffff) { // else the sensor is not connected
        put(decoded, "wind_speed", channel, round(uint16(bytes, at) / 100, 2));
      }
      at += 2;
    }
    // wind direction, in °
    else if (type === 0x6f) {
      need(bytes, at, 2, "wind_direction");
      if (uint16(bytes, at) !== 0xffff) { // else the sensor is not connected
        put(decoded, "wind_direction", channel, round(uint16(bytes, at) / 10, 1));
      }
      at += 2;
    }
    // rain, in mm
    else if (type === 0x70) {
      need(bytes, at, 4, "rain");
      if (uint32(bytes, at) !== 0xffffffff) { // else the sensor is not connected
        put(decoded, "rain", channel, round(uint32(bytes, at) / 100, 2));
      }
      at += 4;
    }
    // water level, in m
    else if (type === 0x71) {
      need(bytes, at, 4, "water_level");
      if (int32(bytes, at) !== 0x7fffffff) { // else the sensor is not connected
        put(decoded, "water_level", channel, round(int32(bytes, at) / 1000, 3));
      }
      at += 4;
    }
    // water flow, in l/s
    else if (type === 0x72) {
      need(bytes, at, 4, "water_flow");
      if (uint32(bytes, at) !== 0xffffffff) { // else the sensor is not connected
        put(decoded, "water_flow", channel, round(uint32(bytes, at) / 1000, 3));
      }
      at += 4;
    }
    // pulse
    else if (type === 0x74) {
      need(bytes, at, 4, "pulse");
      if (uint32(bytes, at) !== 0xffffffff) { // else the sensor is not connected
        put(decoded, "pulse", channel, round(uint32(bytes, at) / 1, 0));
      }
      at += 4;
    }
    // voltage, in V
    else if (type === 0x75) {
      need(bytes, at, 2, "voltage");
      if (uint16(bytes, at) !== 0xffff) { // else the sensor is not connected
        put(decoded, "voltage", channel, round(uint16(bytes, at) / 1000, 3));
      }
      at += 2;
    }
    // current, in A
    else if (type === 0x76) {
      need(bytes, at, 2, "current");
      if (int16(bytes, at) !== 0x7fff) { // else the sensor is not connected
        put(decoded, "current", channel, round(int16(bytes, at) / 1000, 3));
      }
      at += 2;
    }
    // power, in W
    else if (type === 0x77) {
      need(bytes, at, 4, "power");
      if (int32(bytes, at) !== 0x7fffffff) { // else the sensor is not connected
        put(decoded, "power", channel, round(int32(bytes, at) / 10, 1));
      }
      at += 4;
    }
    // energy, in kWh
    else if (type === 0x78) {
      need(bytes, at, 4, "energy");
      if (uint32(bytes, at) !== 0xffffffff) { // else the sensor is not connected
        put(decoded, "energy", channel, round(uint32(bytes, at) / 1000, 3));
      }
      at += 4;
    }
    // distance, in mm
    else if (type === 0x79) {
      need(bytes, at, 2, "distance");
      if (uint16(bytes, at) !== 0xffff) { // else the sensor is not connected
        put(decoded, "distance", channel, round(uint16(bytes, at) / 1, 0));
      }
      at += 2;
    }
    // tilt x, in °
    else if (type === 0x7a) {
      need(bytes, at, 2, "tilt_x");
      if (int16(bytes, at) !== 0x7fff) { // else the sensor is not connected
        put(decoded, "tilt_x", channel, round(int16(bytes, at) / 100, 2));
      }
      at += 2;
    }
    // tilt y, in °
    else if (type === 0x7b) {
      need(bytes, at, 2, "tilt_y");
      if (int16(bytes, at) !== 0x7fff) { // else the sensor is not connected
        put(decoded, "tilt_y", channel, round(int16(bytes, at) / 100, 2));
      }
      at += 2;
    }
    // tilt z, in °
    else if (type === 0x7c) {
      need(bytes, at, 2, "tilt_z");
      if (int16(bytes, at) !== 0x7fff) { // else the sensor is not connected
        put(decoded, "tilt_z", channel, round(int16(bytes, at) / 100, 2));
      }
      at += 2;
    }
    // ph
    else if (type === 0x80) {
      need(bytes, at, 2, "ph");
      if (uint16(bytes, at) !== 0xffff) { // else the sensor is not connected
        put(decoded, "ph", channel, round(uint16(bytes, at) / 100, 2));
      }
      at += 2;
    }
    // orp, in mV
    else if (type === 0x81) {
      need(bytes, at, 2, "orp");
      if (int16(bytes, at) !== 0x7fff) { // else the sensor is not connected
        put(decoded, "orp", channel, round(int16(bytes, at) / 1, 0));
      }
      at += 2;
    }
    // dissolved oxygen, in mg/l
    else if (type === 0x82) {
      need(bytes, at, 2, "dissolved_oxygen");
      if (uint16(bytes, at) !== 0xffff) { // else the sensor is not connected
        put(decoded, "dissolved_oxygen", channel, round(uint16(bytes, at) / 100, 2));
      }
      at += 2;
    }
    // turbidity, in NTU
    else if (type === 0x83) {
      need(bytes, at, 2, "turbidity");
      if (uint16(bytes, at) !== 0xffff) { // else the sensor is not connected
        put(decoded, "turbidity", channel, round(uint16(bytes, at) / 10, 1));
      }
      at += 2;
    }
    // pm2 5, in µg/m³
    else if (type === 0x84) {
      need(bytes, at, 2, "pm2_5");
      if (uint16(bytes, at) !== 0xffff) { // else the sensor is not connected
        put(decoded, "pm2_5", channel, round(uint16(bytes, at) / 1, 0));
      }
      at += 2;
    }
    // pm10, in µg/m³
    else if (type === 0x85) {
      need(bytes, at, 2, "pm10");
      if (uint16(bytes, at) !== 0xffff) { // else the sensor is not connected
        put(decoded, "pm10", channel, round(uint16(bytes, at) / 1, 0));
      }
      at += 2;
    }
    // noise, in dB
    else if (type === 0x86) {
      need(bytes, at, 2, "noise");
      if (uint16(bytes, at) !== 0xffff) { // else the sensor is not connected
        put(decoded, "noise", channel, round(uint16(bytes, at) / 10, 1));
      }
      at += 2;
    }
    // uv index
    else if (type === 0x87) {
      need(bytes, at, 1, "uv_index");
      if (bytes[at] !== 0xff) { // else the sensor is not connected
        put(decoded, "uv_index", channel, round(bytes[at] / 10, 1));
      }
      at += 1;
    }
    // door
    else if (type === 0x88) {
      need(bytes, at, 1, "door");
      if (bytes[at] !== 0xff) { // else the sensor is not connected
        put(decoded, "door", channel, round(bytes[at] / 1, 0));
      }
      at += 1;
    }
    // leak
    else if (type === 0x89) {
      need(bytes, at, 1, "leak");
      if (bytes[at] !== 0xff) { // else the sensor is not connected
        put(decoded, "leak", channel, round(bytes[at] / 1, 0));
      }
      at += 1;
    }
    // tamper
    else if (type === 0x8a) {
      need(bytes, at, 1, "tamper");
      if (bytes[at] !== 0xff) { // else the sensor is not connected
        put(decoded, "tamper", channel, round(bytes[at] / 1, 0));
      }
      at += 1;
    }
    // fill, in %
    else if (type === 0x8b) {
      need(bytes, at, 1, "fill");
      if (bytes[at] !== 0xff) { // else the sensor is not connected
        put(decoded, "fill", channel, round(bytes[at] / 1, 0));
      }
      at += 1;
    }
    else {
      throw new Error("unknown type " + type + " on channel " + channel);
    }
  }
  return decoded;
}

// A name that comes twice gets the number of its channel.
function put(decoded, name, channel, value) {
  if (decoded[name] === undefined) {
    decoded[name] = value;
  } else {
    decoded[name + "_" + channel] = value;
  }
}

function need(bytes, at, length, name) {
  if (at + length > bytes.length) {
    throw new Error("the payload ends within " + name);
  }
}

function readInformation(decoded, bytes, at, type) {
  switch (type) {
    case 0x01:
      decoded.protocol_version = "V" + (bytes[at] >> 4) + "." + (bytes[at] & 15);
      return at + 1;
    case 0x08:
      decoded.serial = hex(bytes.slice(at, at + 6));
      return at + 6;
    case 0x09:
      decoded.hardware_version = bytes[at] + "." + (bytes[at + 1] >> 4);
      return at + 2;
    case 0x0a:
      decoded.firmware_version = bytes[at] + "." + bytes[at + 1];
      return at + 2;
    case 0x0f:
      decoded.device_class = ["A", "B", "C", "C to B"][bytes[at]] || "unknown";
      return at + 1;
    case 0x75:
      decoded.battery = bytes[at];
      return at + 1;
    case 0xff:
      decoded.power_on = "on";
      return at + 1;
    default:
      throw new Error("unknown information " + type + " at byte " + at);
  }
}

function uint16(bytes, at) {
  return (bytes[at + 1] << 8) | bytes[at];
}

function int16(bytes, at) {
  var value = uint16(bytes, at);
  return value > 0x7fff ? value - 0x10000 : value;
}

function uint32(bytes, at) {
  return uint16(bytes, at) + uint16(bytes, at + 2) * 0x10000;
}

function int32(bytes, at) {
  return uint32(bytes, at) | 0;
}

function round(value, digits) {
  return parseFloat(value.toFixed(digits));
}

function hex(bytes) {
  return bytes.map(function (byte) { return ("0" + byte.toString(16)).slice(-2); }).join("");
}

// What can be set from afar.
function encodeDownlink(input) {
  var bytes = [];
  var data = input.data;
  if (data.report_interval !== undefined) {
    if (data.report_interval < 0 || data.report_interval > 65535) {
      return { errors: ["report_interval must be between 0 and 65535"] };
    }
    bytes.push(0xff, 0x10, data.report_interval & 0xff, (data.report_interval >> 8) & 0xff);
  }
  if (data.collection_interval !== undefined) {
    if (data.collection_interval < 0 || data.collection_interval > 65535) {
      return { errors: ["collection_interval must be between 0 and 65535"] };
    }
    bytes.push(0xff, 0x11, data.collection_interval & 0xff, (data.collection_interval >> 8) & 0xff);
  }
  if (data.history_enabled !== undefined) {
    if (data.history_enabled < 0 || data.history_enabled > 255) {
      return { errors: ["history_enabled must be between 0 and 255"] };
    }
    bytes.push(0xff, 0x12, data.history_enabled & 0xff);
  }
  if (data.retransmit_enabled !== undefined) {
    if (data.retransmit_enabled < 0 || data.retransmit_enabled > 255) {
      return { errors: ["retransmit_enabled must be between 0 and 255"] };
    }
    bytes.push(0xff, 0x13, data.retransmit_enabled & 0xff);
  }
  if (data.retransmit_interval !== undefined) {
    if (data.retransmit_interval < 0 || data.retransmit_interval > 65535) {
      return { errors: ["retransmit_interval must be between 0 and 65535"] };
    }
    bytes.push(0xff, 0x14, data.retransmit_interval & 0xff, (data.retransmit_interval >> 8) & 0xff);
  }
  if (data.led_mode !== undefined) {
    if (data.led_mode < 0 || data.led_mode > 255) {
      return { errors: ["led_mode must be between 0 and 255"] };
    }
    bytes.push(0xff, 0x15, data.led_mode & 0xff);
  }
  if (data.buzzer_enabled !== undefined) {
    if (data.buzzer_enabled < 0 || data.buzzer_enabled > 255) {
      return { errors: ["buzzer_enabled must be between 0 and 255"] };
    }
    bytes.push(0xff, 0x16, data.buzzer_enabled & 0xff);
  }
  if (data.child_lock !== undefined) {
    if (data.child_lock < 0 || data.child_lock > 255) {
      return { errors: ["child_lock must be between 0 and 255"] };
    }
    bytes.push(0xff, 0x17, data.child_lock & 0xff);
  }
  if (data.timezone !== undefined) {
    if (data.timezone < 0 || data.timezone > 255) {
      return { errors: ["timezone must be between 0 and 255"] };
    }
    bytes.push(0xff, 0x18, data.timezone & 0xff);
  }
  if (data.time_sync !== undefined) {
    if (data.time_sync < 0 || data.time_sync > 255) {
      return { errors: ["time_sync must be between 0 and 255"] };
    }
    bytes.push(0xff, 0x19, data.time_sync & 0xff);
  }
  if (data.temperature_offset !== undefined) {
    if (data.temperature_offset < -1000 || data.temperature_offset > 1000) {
      return { errors: ["temperature_offset must be between -1000 and 1000"] };
    }
    bytes.push(0xff, 0x1a, data.temperature_offset & 0xff, (data.temperature_offset >> 8) & 0xff);
  }
  if (data.humidity_offset !== undefined) {
    if (data.humidity_offset < -1000 || data.humidity_offset > 1000) {
      return { errors: ["humidity_offset must be between -1000 and 1000"] };
    }
    bytes.push(0xff, 0x1b, data.humidity_offset & 0xff, (data.humidity_offset >> 8) & 0xff);
  }
  if (data.co2_calibration !== undefined) {
    if (data.co2_calibration < 0 || data.co2_calibration > 255) {
      return { errors: ["co2_calibration must be between 0 and 255"] };
    }
    bytes.push(0xff, 0x1c, data.co2_calibration & 0xff);
  }
  if (data.screen_refresh !== undefined) {
    if (data.screen_refresh < 0 || data.screen_refresh > 255) {
      return { errors: ["screen_refresh must be between 0 and 255"] };
    }
    bytes.push(0xff, 0x1d, data.screen_refresh & 0xff);
  }
  if (data.alarm_temperature_high !== undefined) {
    if (data.alarm_temperature_high < 0 || data.alarm_temperature_high > 1000) {
      return { errors: ["alarm_temperature_high must be between 0 and 1000"] };
    }
    bytes.push(0xff, 0x1e, data.alarm_temperature_high & 0xff, (data.alarm_temperature_high >> 8) & 0xff);
  }
  if (data.alarm_temperature_low !== undefined) {
    if (data.alarm_temperature_low < 0 || data.alarm_temperature_low > 1000) {
      return { errors: ["alarm_temperature_low must be between 0 and 1000"] };
    }
    bytes.push(0xff, 0x1f, data.alarm_temperature_low & 0xff, (data.alarm_temperature_low >> 8) & 0xff);
  }
  if (data.alarm_humidity_high !== undefined) {
    if (data.alarm_humidity_high < 0 || data.alarm_humidity_high > 1000) {
      return { errors: ["alarm_humidity_high must be between 0 and 1000"] };
    }
    bytes.push(0xff, 0x20, data.alarm_humidity_high & 0xff, (data.alarm_humidity_high >> 8) & 0xff);
  }
  if (data.alarm_humidity_low !== undefined) {
    if (data.alarm_humidity_low < 0 || data.alarm_humidity_low > 1000) {
      return { errors: ["alarm_humidity_low must be between 0 and 1000"] };
    }
    bytes.push(0xff, 0x21, data.alarm_humidity_low & 0xff, (data.alarm_humidity_low >> 8) & 0xff);
  }
  return { fPort: 85, bytes: bytes };
}
