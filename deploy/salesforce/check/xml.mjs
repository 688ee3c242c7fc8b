// XML as a tree of elements that know their line.
import { SaxesParser } from 'saxes';

export const NAMESPACE = 'http://soap.sforce.com/2006/04/metadata';

/** The root of a document: {name, line, children, text}. Throws an Error with `line` where the text is not well-formed. */
export function parse(text) {
  const parser = new SaxesParser({ xmlns: true });
  const open = [];
  let root;
  parser.on('error', (error) => {
    throw Object.assign(new Error(error.message.replace(/^\d+:\d+: /, '')), { line: parser.line });
  });
  parser.on('opentag', ({ local, uri }) => {
    const element = { name: local, line: parser.line, children: [], text: '' };
    if (uri !== NAMESPACE) {
      throw Object.assign(new Error(`<${local}> is not in the namespace ${NAMESPACE}`), { line: parser.line });
    }
    open.at(-1)?.children.push(element);
    root ??= element;
    open.push(element);
  });
  parser.on('text', (text) => {
    if (open.length > 0) open.at(-1).text += text;
  });
  parser.on('closetag', () => open.pop());
  parser.write(text).close();
  return root;
}

/** All children of a name. */
export function children(element, name) {
  return element.children.filter((child) => child.name === name);
}

/** The text of the first child of a name, or undefined. */
export function value(element, name) {
  return children(element, name)[0]?.text;
}

/** All elements of a name, at any depth. */
export function descendants(element, name) {
  return element.children.flatMap((child) => (child.name === name ? [child] : []).concat(descendants(child, name)));
}
