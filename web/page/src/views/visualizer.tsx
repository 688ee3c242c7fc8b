import { useRef } from 'preact/hooks';
import type { AgentState } from '../visit';
import { useMeter } from './use-meter';

const BARS = 9;
/** Of the height; what a bar is in silence. */
const SMALLEST = 0.12;

/** Moves with the agent's real sound; while there is none, the style shows what the agent does. */
export function Visualizer({ track, agent }: { track: MediaStreamTrack | undefined; agent: AgentState }) {
  const picture = useRef<HTMLDivElement>(null);
  useMeter(track, (meter) => {
    if (!picture.current || movesTooMuch()) return;
    const bands = meter?.bands(Math.ceil(BARS / 2)) ?? [];
    [...picture.current.querySelectorAll('i')].forEach((bar, index) => {
      // Low tones are in the middle, where a voice is strongest.
      const band = bands[Math.abs(index - (BARS - 1) / 2)] ?? 0;
      bar.style.setProperty('--height', Math.max(SMALLEST, band).toFixed(3));
    });
    picture.current.style.setProperty('--level', (meter?.level() ?? 0).toFixed(3));
  });
  return (
    <div id="visualizer" class="visualizer" data-agent-state={agent} aria-hidden="true" ref={picture}>
      <div class="halo" />
      <div class="bars">
        {Array.from({ length: BARS }, (_, index) => (
          <i key={index} />
        ))}
      </div>
    </div>
  );
}

function movesTooMuch(): boolean {
  return window.matchMedia('(prefers-reduced-motion: reduce)').matches;
}
