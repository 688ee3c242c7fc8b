import { useRef } from 'preact/hooks';
import { useMeter } from './use-meter';

const BARS = 5;
/** From here on it is a voice, not a room. */
const LOUD = 0.35;

/** How loud a microphone is right now. It is a picture; who cannot see it is told in words. */
export function LevelBars({ track, onLoud }: { track: MediaStreamTrack | undefined; onLoud?: () => void }) {
  const bars = useRef<HTMLSpanElement>(null);
  useMeter(track, (meter) => {
    const level = meter?.level() ?? 0;
    [...(bars.current?.children ?? [])].forEach((bar, index) => bar.toggleAttribute('data-on', level * BARS > index + 0.2));
    if (level > LOUD) onLoud?.();
  });
  return (
    <span class="level" ref={bars} aria-hidden="true">
      {Array.from({ length: BARS }, (_, index) => (
        <i key={index} />
      ))}
    </span>
  );
}
