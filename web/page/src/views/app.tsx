import { useEffect, useReducer, useRef, useState } from 'preact/hooks';
import { Call } from '../call/call';
import type { Problem } from '../problem';
import { prove } from '../proof/proof';
import { storeEmail, storeTheme } from '../storage';
import { applyTheme } from '../theme';
import { IDLE, hadConversation, next, statusKey } from '../visit';
import { After } from './after';
import { Footer } from './footer';
import { Header } from './header';
import { type Page, PageContext } from './page';
import { Session, type Sounds } from './session';
import { Welcome } from './welcome';

interface Props {
  page: Page;
  /** What the field holds at first. */
  typed: string;
  /** What is in the way of any call. */
  obstacle: Problem | undefined;
  /** The script is there. */
  loaded: boolean;
}

/** Which view is shown, and the call that it is about. */
export function App({ page, typed, obstacle, loaded }: Props) {
  const [visit, tell] = useReducer(next, IDLE);
  const [sounds, setSounds] = useState<Sounds>({});
  const [email, setEmail] = useState(typed);
  const [device, setDevice] = useState<string>();
  const [kept, setKept] = useState(true);
  const call = useRef<Call | undefined>(undefined);
  const audio = useRef<HTMLDivElement>(null);
  const challenge = useRef<HTMLDivElement>(null);
  const { configuration, texts, embedded } = page;

  const start = (address: string) => {
    const audioContainer = audio.current;
    const widget = challenge.current;
    if (!audioContainer || !widget) return;
    setEmail(address);
    setKept(storeEmail(address));
    setSounds({});
    tell({ type: 'start' });
    call.current = new Call(
      { email: address, device, audioContainer, prove: (ended) => prove(configuration.proof, widget, ended) },
      { tell, sound: (whose, track) => setSounds((known) => ({ ...known, [whose]: track })) },
    );
    void call.current.start();
  };
  const hangUp = () => void call.current?.hangUp();
  const close = () => {
    hangUp();
    // Nothing in it is a secret, and whose site this is in is not known here.
    window.parent.postMessage({ type: 'postcall:close' }, '*');
  };

  const view =
    visit.phase === 'connecting' || visit.phase === 'in-call' ? 'session' : hadConversation(visit) ? 'after' : 'welcome';
  useFocusOnNewView(view);
  useEscape(embedded);
  const status = statusKey(visit);
  return (
    <PageContext.Provider value={page}>
      <div class="page" data-view={view} data-embedded={embedded}>
        <Header
          onTheme={(theme) => {
            applyTheme(theme);
            setKept(storeTheme(theme));
          }}
          close={close}
        />
        <main>
          {view === 'welcome' && (
            <Welcome
              ready={loaded && !obstacle}
              email={email}
              onEmail={setEmail}
              kept={kept}
              device={device}
              onDevice={setDevice}
              problem={visit.problem ?? obstacle}
              start={start}
            />
          )}
          {view === 'session' && (
            <Session
              visit={visit}
              sounds={sounds}
              setMuted={(muted) => void call.current?.setMuted(muted)}
              chooseMicrophone={(chosen) => {
                setDevice(chosen);
                void call.current?.chooseMicrophone(chosen);
              }}
              type={async (text) => (await call.current?.type(text)) ?? false}
              startAudio={() => void call.current?.startAudio()}
              hangUp={hangUp}
              noticeRead={() => tell({ type: 'notice' })}
            />
          )}
          {view === 'after' && <After visit={visit} again={() => start(email)} back={() => tell({ type: 'back' })} />}
          {/* What is read aloud has to be there before it changes. Automation reads the attributes. */}
          <p id="status" class="unseen" role="status" data-state={visit.phase} data-agent-state={visit.agent}>
            {status && texts(status)}
          </p>
          <div class="challenge" ref={challenge} />
          <div id="audio" hidden ref={audio} />
        </main>
        <Footer />
      </div>
    </PageContext.Provider>
  );
}

/** The site's own button hears no key that is pressed in here. */
function useEscape(embedded: boolean): void {
  useEffect(() => {
    if (!embedded) return undefined;
    const hide = ({ key }: KeyboardEvent) => {
      if (key === 'Escape') window.parent.postMessage({ type: 'postcall:hide' }, '*');
    };
    window.addEventListener('keydown', hide);
    return () => window.removeEventListener('keydown', hide);
  }, [embedded]);
}

/** The keyboard, and who listens to the page, begin at the heading of what is new; what went wrong is in sight. */
function useFocusOnNewView(view: string): void {
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current && !document.querySelector('[aria-invalid="true"]')) {
      window.scrollTo(0, 0);
      document.querySelector('h1')?.focus({ preventScroll: true });
      document.querySelector('#error:not([hidden])')?.scrollIntoView({ block: 'nearest' });
    }
    isFirst.current = false;
  }, [view]);
}
