// Works beside the page, which stays awake.

import { findNonce } from './work';

self.onmessage = ({ data }: MessageEvent<{ challenge: string; difficulty: number }>) => {
  self.postMessage(findNonce(data.challenge, data.difficulty));
};
