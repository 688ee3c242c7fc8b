// SHA-256 of one short text at a time: the browser's own answers by a promise, which takes ten times as long for so little.

const ROUND = constants(64, (prime) => Math.cbrt(prime));
const START = constants(8, (prime) => Math.sqrt(prime));
const BLOCK = 64;

/** Of ASCII text, as eight numbers of 32 bits. */
export function sha256(text: string): Int32Array {
  const blocks = new DataView(new ArrayBuffer(Math.ceil((text.length + 9) / BLOCK) * BLOCK));
  for (let index = 0; index < text.length; index += 1) {
    blocks.setUint8(index, text.charCodeAt(index));
  }
  blocks.setUint8(text.length, 0x80);
  blocks.setUint32(blocks.byteLength - 4, text.length * 8);
  const hash = Int32Array.from(START);
  const words = new Int32Array(64);
  for (let start = 0; start < blocks.byteLength; start += BLOCK) {
    for (let index = 0; index < 16; index += 1) {
      words[index] = blocks.getInt32(start + index * 4);
    }
    compress(hash, words);
  }
  return hash;
}

function compress(hash: Int32Array, words: Int32Array): void {
  const word = (index: number) => words[index] ?? 0;
  for (let index = 16; index < 64; index += 1) {
    const early = word(index - 15);
    const late = word(index - 2);
    const first = turn(early, 7) ^ turn(early, 18) ^ (early >>> 3);
    const second = turn(late, 17) ^ turn(late, 19) ^ (late >>> 10);
    words[index] = word(index - 16) + first + word(index - 7) + second;
  }
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = hash;
  for (let index = 0; index < 64; index += 1) {
    const choice = (e & f) ^ (~e & g);
    const one = h + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + choice + (ROUND[index] ?? 0) + word(index);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const two = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + majority;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
  }
  [a, b, c, d, e, f, g, h].forEach((value, index) => {
    hash[index] = (hash[index] ?? 0) + value;
  });
}

function turn(value: number, by: number): number {
  return (value >>> by) | (value << (32 - by));
}

/** The first 32 bits behind the point of a root of each of the first primes. */
function constants(count: number, root: (prime: number) => number): Int32Array {
  const found: number[] = [];
  for (let candidate = 2; found.length < count; candidate += 1) {
    if (found.every((prime) => candidate % prime !== 0)) found.push(candidate);
  }
  return Int32Array.from(found, (prime) => (root(prime) % 1) * 2 ** 32);
}
