import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Line } from '../visit';
import { DownIcon } from './icons';
import { usePage } from './page';

/** So near to the end, in pixels, somebody reads the newest. */
const NEAR = 32;

/** Follows its end; keeps still for who has scrolled up to read. */
export function Transcript({ lines, hidden }: { lines: Line[]; hidden: boolean }) {
  const { texts } = usePage();
  const scroller = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const [behind, setBehind] = useState(false);

  const toEnd = () => {
    const { current } = scroller;
    if (current) current.scrollTop = current.scrollHeight;
  };
  useLayoutEffect(() => {
    if (follows.current) toEnd();
  }, [lines, hidden]);
  useLayoutEffect(() => {
    // A window that shrinks, such as by a phone's keyboard, moves the end out of sight.
    const observer = new ResizeObserver(() => follows.current && toEnd());
    if (scroller.current) observer.observe(scroller.current);
    return () => observer.disconnect();
  }, []);

  return (
    <div class="conversation" hidden={hidden}>
      <div
        class="scroller"
        ref={scroller}
        role="log"
        aria-label={texts('session.transcript')}
        // The agent says it aloud.
        aria-live="off"
        tabIndex={0}
        onScroll={({ currentTarget }) => {
          const { scrollHeight, scrollTop, clientHeight } = currentTarget;
          follows.current = scrollHeight - scrollTop - clientHeight <= NEAR;
          setBehind(!follows.current);
        }}
      >
        {lines.length === 0 && <p class="nothing">{texts('session.transcript.empty')}</p>}
        <Lines lines={lines} />
      </div>
      {behind && (
        <button
          id="to-newest"
          class="secondary"
          type="button"
          onClick={() => {
            toEnd();
            scroller.current?.focus();
          }}
        >
          <DownIcon />
          {texts('session.to_newest')}
        </button>
      )}
    </div>
  );
}

/** Who said what. */
export function Lines({ lines }: { lines: Line[] }) {
  const { texts } = usePage();
  return (
    <ol id="transcript">
      {lines.map(({ segment, speaker, text }) => (
        <li key={segment} data-segment={segment} data-speaker={speaker}>
          <span class="speaker">{texts(`session.${speaker}`)}</span>
          <p class="text">{text}</p>
        </li>
      ))}
    </ol>
  );
}
