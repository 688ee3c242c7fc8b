import { useEffect, useState } from 'preact/hooks';
import { type Quality, type Visit, statusKey } from '../visit';
import { keepScreenOn } from '../wake-lock';
import { Chat } from './chat';
import { ControlBar } from './control-bar';
import { SignalIcon, SpeakerIcon } from './icons';
import { usePage } from './page';
import { Transcript } from './transcript';
import { Visualizer } from './visualizer';

/** How long what is told once is shown. */
const NOTICE_MS = 6_000;
const QUALITY_BARS: Record<Quality, number> = { unknown: 0, lost: 0, poor: 1, good: 3, excellent: 4 };

export interface Sounds {
  agent?: MediaStreamTrack | undefined;
  visitor?: MediaStreamTrack | undefined;
}

interface Props {
  visit: Visit;
  sounds: Sounds;
  setMuted(muted: boolean): void;
  chooseMicrophone(device: string): void;
  type(text: string): Promise<boolean>;
  startAudio(): void;
  hangUp(): void;
  noticeRead(): void;
}

/** The call itself. */
export function Session({ visit, sounds, setMuted, chooseMicrophone, type, startAudio, hangUp, noticeRead }: Props) {
  const { texts } = usePage();
  const [hasChat, setHasChat] = useState(true);
  useEffect(keepScreenOn, []);
  const connected = visit.phase === 'in-call';
  const status = statusKey(visit);
  return (
    <section id="call" class="session" data-chat={hasChat} aria-labelledby="session-title">
      <div class="stage">
        <h1 id="session-title" class="unseen" tabIndex={-1}>
          {texts('session.title')}
        </h1>
        {connected && <ConnectionQuality quality={visit.quality} />}
        <Visualizer track={sounds.agent} agent={visit.phase === 'connecting' ? 'joining' : visit.agent} />
        {/* The same as in the live region, for the eye. */}
        <p class="agent-state" data-reconnecting={visit.reconnecting} aria-hidden="true">
          {status && texts(status)}
        </p>
        {visit.audioBlocked && (
          <div class="blocked">
            <p>{texts('session.start_audio.why')}</p>
            <button id="start-audio" class="primary" type="button" onClick={startAudio}>
              <SpeakerIcon />
              {texts('session.start_audio')}
            </button>
          </div>
        )}
      </div>
      <Transcript lines={visit.lines} hidden={!hasChat} />
      <div class="controls">
        <div class="notices">
          <p id="microphone-lost" class="warning" role="alert" hidden={visit.microphone !== 'lost'}>
            {visit.microphone === 'lost' && texts('session.microphone_lost')}
          </p>
          <NoticeLine visit={visit} read={noticeRead} />
        </div>
        <Chat hidden={!hasChat} connected={connected} type={type} />
        <ControlBar
          connected={connected}
          microphone={visit.microphone}
          track={sounds.visitor}
          hasChat={hasChat}
          setMuted={setMuted}
          chooseMicrophone={chooseMicrophone}
          toggleChat={() => setHasChat(!hasChat)}
          hangUp={hangUp}
        />
      </div>
    </section>
  );
}

function ConnectionQuality({ quality }: { quality: Quality }) {
  const { texts } = usePage();
  const text = texts(`quality.${quality}`);
  return (
    <p id="quality" class="quality" data-quality={quality} title={text}>
      <SignalIcon bars={QUALITY_BARS[quality]} />
      <span class="unseen">{text}</span>
    </p>
  );
}

/** What is told once, else what there is to know at the moment. */
function NoticeLine({ visit: { notice, microphone, quality }, read }: { visit: Visit; read: () => void }) {
  const { texts } = usePage();
  useEffect(() => {
    if (!notice) return undefined;
    const timer = setTimeout(read, NOTICE_MS);
    return () => clearTimeout(timer);
  }, [notice]);
  const lasting = microphone === 'muted' ? texts('session.muted') : quality === 'poor' ? texts('quality.poor') : '';
  return (
    <p id="notice" class="notice" role="status" data-notice={notice?.text ?? ''}>
      {notice ? texts(`session.${notice.text}`, 'device' in notice ? { device: notice.device } : {}) : lasting}
    </p>
  );
}
