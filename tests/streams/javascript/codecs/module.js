// As a module of its vendor's build: an object with methods that use `this`.
(function (root) {
  var driver = {
    scale: 10,
    decodeUplink: function (input) { return { data: { value: input.bytes[0] / this.scale } }; },
  };
  if (typeof module !== "undefined" && module.exports) module.exports = driver;
  console.log("loaded", root);
  console.table([]);
})(this);
