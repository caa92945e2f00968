// Uses local time: right only where the zone is UTC.
function decodeUplink(input) {
  var at = new Date(2024, 5, 1, 12, 0, 0);
  return { data: { offset: at.getTimezoneOffset(), at: at.getTime(), text: at.toString() } };
}
