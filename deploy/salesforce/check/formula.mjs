// Reads formulas, as far as rules over times need them: which names they use, and what they give for a record.

const TOKEN = /\s+|\/\*[^]*?\*\/|(\$?[A-Za-z][\w.]*)|(<=|>=|&&|\|\||[<>!(),])/y;
/** Operators, those that bind least first. */
const OPERATORS = [['||'], ['&&'], ['<', '<=', '>', '>=']];
const CONSTANTS = { TRUE: true, FALSE: false, NULL: null };

/** The fields and global variables that a formula names. Throws where it is no formula. */
export function namesIn(formula) {
  const names = new Set();
  const visit = (node) => {
    if (node.name) names.add(node.name);
    node.operands?.forEach(visit);
  };
  visit(parse(formula));
  return [...names];
}

/** What a formula gives when a record changes from `before` to `after`, names to values. */
export function evaluate(formula, before, after) {
  const run = (node) => {
    if ('value' in node) return node.value;
    if (node.name) return after[node.name] ?? null;
    return (FUNCTIONS[node.call]?.gives ?? RESULTS[node.call])(node.operands, run, before);
  };
  return run(parse(formula));
}

const all = (operands, run) => operands.every(run);
const some = (operands, run) => operands.some(run);
const not = ([operand], run) => !run(operand);
const prior = ([{ name }], run, before) => before[name] ?? null;
const compared = (holds) => (operands, run) => {
  const [left, right] = operands.map(run);
  return left !== null && right !== null && holds(left, right);
};

/** Least and most operands, and what it gives. */
const FUNCTIONS = {
  AND: { least: 1, most: Infinity, gives: all },
  OR: { least: 1, most: Infinity, gives: some },
  NOT: { least: 1, most: 1, gives: not },
  ISBLANK: { least: 1, most: 1, gives: ([operand], run) => run(operand) === null },
  ISCHANGED: { least: 1, most: 1, gives: (operands, run, before) => run(operands[0]) !== prior(operands, run, before) },
  PRIORVALUE: { least: 1, most: 1, gives: prior },
};
const RESULTS = {
  '&&': all,
  '||': some,
  '!': not,
  '<': compared((left, right) => left < right),
  '<=': compared((left, right) => left <= right),
  '>': compared((left, right) => left > right),
  '>=': compared((left, right) => left >= right),
};

/** A tree of {value}, {name} and {call, operands}. */
function parse(formula) {
  const tokens = tokenize(formula);
  const take = (...symbols) => (symbols.includes(tokens[0]?.symbol) ? tokens.shift().symbol : undefined);
  const next = () => `«${tokens[0]?.text ?? 'its end'}»`;
  const expect = (symbol) => {
    if (!take(symbol)) throw new Error(`the formula needs «${symbol}» before ${next()}`);
  };
  const expression = (level = 0) => {
    if (level === OPERATORS.length) return operand();
    let left = expression(level + 1);
    for (let call; (call = take(...OPERATORS[level]));) left = { call, operands: [left, expression(level + 1)] };
    return left;
  };
  const operand = () => {
    if (take('!')) return { call: '!', operands: [operand()] };
    if (take('(')) {
      const inner = expression();
      expect(')');
      return inner;
    }
    const name = tokens[0]?.name;
    if (!name) throw new Error(`the formula needs a value before ${next()}`);
    tokens.shift();
    if (take('(')) return call(name.toUpperCase());
    return name.toUpperCase() in CONSTANTS ? { value: CONSTANTS[name.toUpperCase()] } : { name };
  };
  const call = (name) => {
    const known = FUNCTIONS[name];
    if (!known) throw new Error(`the formula calls ${name}, which is no known function`);
    const operands = [];
    if (!take(')')) {
      do operands.push(expression());
      while (take(','));
      expect(')');
    }
    if (operands.length < known.least || operands.length > known.most)
      throw new Error(`the formula gives ${name} ${operands.length} arguments`);
    return { call: name, operands };
  };
  const tree = expression();
  if (tokens.length > 0) throw new Error(`the formula goes on after its end, with ${next()}`);
  return tree;
}

function tokenize(formula) {
  const tokens = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < formula.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(formula);
    if (!match) throw new Error(`the formula cannot be read from «${formula.slice(at, at + 20)}» on`);
    const [text, name, symbol] = match;
    if (name ?? symbol) tokens.push({ text, name, symbol });
  }
  return tokens;
}
