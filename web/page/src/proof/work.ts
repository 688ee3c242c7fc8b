// A proof of work: time of the visitor's machine, which robots would need for each of their calls.

import { sha256 } from './sha256';

/** The first number that, behind the challenge and a dot, hashes to so many zero bits at the beginning. */
export function findNonce(challenge: string, difficulty: number): number {
  for (let nonce = 0; ; nonce += 1) {
    if (leadingZeros(sha256(`${challenge}.${nonce}`)) >= difficulty) return nonce;
  }
}

function leadingZeros(hash: Int32Array): number {
  const first = hash.findIndex((word) => word !== 0);
  return first < 0 ? hash.length * 32 : first * 32 + Math.clz32(hash[first] ?? 0);
}
