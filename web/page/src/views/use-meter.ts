import { useEffect, useRef } from 'preact/hooks';
import { Meter } from '../sound/meter';

/** Has something drawn with each frame while there is a track to hear, and once without a meter when there is none any more. */
export function useMeter(track: MediaStreamTrack | undefined, draw: (meter: Meter | undefined) => void): void {
  const newest = useRef(draw);
  newest.current = draw;
  useEffect(() => {
    if (!track) return undefined;
    const meter = new Meter(track);
    let frame = requestAnimationFrame(function show() {
      newest.current(meter);
      frame = requestAnimationFrame(show);
    });
    return () => {
      cancelAnimationFrame(frame);
      meter.close();
      newest.current(undefined);
    };
  }, [track]);
}
