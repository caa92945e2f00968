function decodeUplink(input) {
  return { data: [{ variable: "level", value: input.bytes[0] }] };
}
