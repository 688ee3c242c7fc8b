// What keeps this browser, or this address of the page, from placing a call.

import type { Problem } from './problem';

/** Undefined where a call can be placed. */
export function obstacle(): Problem | undefined {
  if (!window.isSecureContext) {
    // Browsers give a microphone to nobody but these.
    const { hostname, pathname } = window.location;
    return { code: 'insecure_origin', values: { address: `https://${hostname}${pathname}` } };
  }
  if (!('mediaDevices' in navigator) || !('getUserMedia' in navigator.mediaDevices) || !('RTCPeerConnection' in window)) {
    return { code: 'old_browser' };
  }
  return undefined;
}
