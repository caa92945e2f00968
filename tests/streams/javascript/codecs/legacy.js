// The two older conventions in one file.
function Decoder(bytes, port) {
  return { first: bytes[0], port: port, via: "Decoder" };
}
function Decode(fPort, bytes, variables) {
  return { first: bytes[0], port: fPort, via: "Decode", variables: variables };
}
