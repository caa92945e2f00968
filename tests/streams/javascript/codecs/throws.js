function decodeUplink(input) {
  return { data: { value: input.nothing.here } };
}
