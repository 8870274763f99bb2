/** Elements of the live view: a tag with its properties. */
export function build(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}
