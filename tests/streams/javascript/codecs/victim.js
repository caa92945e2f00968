function decodeUplink(input) {
  var names = [];
  for (var name in { own: 1 }) names.push(name);
  for (var place in input.bytes) names.push(place);
  return { data: { names: names.join(","), leaked: typeof leaked, json: JSON.stringify({ a: 1 }) } };
}
