function decodeUplink(input) {\n  return { data: { a: 1 } };\n}
