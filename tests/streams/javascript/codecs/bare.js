function decodeUplink(input) {
  return { level: input.bytes[0] };
}
