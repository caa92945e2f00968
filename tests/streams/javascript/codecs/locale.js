// The text depends on the machine: no promise is made about it, only that there is one.
function decodeUplink(input) {
  return { data: { text: input.recvTime.toLocaleString() } };
}
