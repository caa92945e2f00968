// Hands recvTime on, as it is and as text: examples recorded with a text show more digits than a Date has.
function decodeUplink(input) {
  return { data: { date: input.recvTime, year: input.recvTime.getFullYear(), text: "" + new Date().toISOString() } };
}
