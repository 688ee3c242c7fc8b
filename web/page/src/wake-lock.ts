// Phones turn the screen off when nobody touches it, and browsers then end what the page does.

/** Keeps the screen on until the function that comes back is called. Where the browser does not let us, nothing is lost. */
export function keepScreenOn(): () => void {
  let lock: WakeLockSentinel | undefined;
  let over = false;
  const take = async () => {
    // Who looks at something else gives it up, and takes it again.
    if (document.visibilityState !== 'visible' || !('wakeLock' in navigator)) return;
    const taken = await navigator.wakeLock.request('screen').catch(() => undefined);
    if (over) await taken?.release();
    else lock = taken;
  };
  void take();
  document.addEventListener('visibilitychange', take);
  return () => {
    over = true;
    document.removeEventListener('visibilitychange', take);
    void lock?.release().catch(() => {});
  };
}
