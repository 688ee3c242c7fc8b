import type { ComponentChildren } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { parseEmail } from '../email';
import { type FieldProblem, type Problem, fieldText, problemText } from '../problem';
import { OutsideLink } from './footer';
import { MachineIcon, MicrophoneIcon, NoteIcon } from './icons';
import { MicrophoneCheck } from './microphone-check';
import { useCountdown } from './countdown';
import { usePage } from './page';

interface Props {
  /** The script is there, and a call can be placed. */
  ready: boolean;
  email: string;
  onEmail(email: string): void;
  /** The browser has kept what it was given to keep. */
  kept: boolean;
  device: string | undefined;
  onDevice(device: string): void;
  /** Of the call before, or of this browser. */
  problem: Problem | undefined;
  start(email: string): void;
}

/** What a visitor knows before the call: what happens, who answers, what is kept. */
export function Welcome(props: Props) {
  const { texts } = usePage();
  return (
    <div class="welcome">
      <div class="intro">
        <h1 tabIndex={-1}>{texts('welcome.title')}</h1>
        <p class="lead">{texts('welcome.lead')}</p>
      </div>
      <StartForm {...props} />
      <ul class="points">
        <Point icon={<MachineIcon />} title={texts('welcome.machine.title')} text={texts('welcome.machine')} />
        <Point icon={<MicrophoneIcon />} title={texts('welcome.talk.title')} text={texts('welcome.talk')} />
        <Point icon={<NoteIcon />} title={texts('welcome.record.title')} text={texts('welcome.record')} />
      </ul>
    </div>
  );
}

function Point({ icon, title, text }: { icon: ComponentChildren; title: string; text: string }) {
  return (
    <li>
      <span class="point-icon">{icon}</span>
      <div>
        <strong>{title}</strong>
        <p>{text}</p>
      </div>
    </li>
  );
}

/** Without the script it sends nothing: the field has no name, and the button is off. */
function StartForm({ ready, email, onEmail, kept, device, onDevice, problem, start }: Props) {
  const { configuration, texts } = usePage();
  const [wrong, setWrong] = useState<FieldProblem | undefined>(problem?.field);
  const field = useRef<HTMLInputElement>(null);
  const seconds = useCountdown(problem?.retryAt);
  const mayBeEmpty = configuration.email !== 'required';
  // The wait as it was told stays; it counts down on the button.
  const told = useMemo(() => problem && problemText(texts, problem, Date.now()), [problem, texts]);
  const waited = problem?.retryAt !== undefined && seconds === 0;

  useEffect(() => {
    if (problem?.field) field.current?.focus();
  }, [problem]);

  const submit = () => {
    if (!ready || seconds > 0) return;
    const parsed = configuration.email === 'none' ? { problem: 'empty' as const } : parseEmail(email);
    if ('email' in parsed) return start(parsed.email);
    if (parsed.problem === 'empty' && mayBeEmpty) return start('');
    setWrong(parsed.problem === 'empty' ? 'required' : parsed.problem);
    field.current?.focus();
  };

  return (
    <form
      id="form"
      class="card"
      method="post"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {configuration.email !== 'none' && (
        <div class="field">
          <label for="email">{texts('welcome.email')}</label>
          <input
            id="email"
            ref={field}
            type="text"
            autocomplete="email"
            inputMode="email"
            autocapitalize="none"
            spellcheck={false}
            maxLength={1000}
            placeholder={texts('welcome.email.placeholder')}
            aria-describedby="email-error email-hint"
            aria-invalid={wrong !== undefined}
            aria-required={!mayBeEmpty}
            value={email}
            onInput={({ currentTarget }) => {
              onEmail(currentTarget.value);
              setWrong(undefined);
            }}
          />
          <p id="email-error" class="problem" role="alert" hidden={wrong === undefined}>
            {wrong && fieldText(texts, wrong, mayBeEmpty)}
          </p>
          <p id="email-hint" class="hint">
            {texts(mayBeEmpty ? 'welcome.email.optional' : 'welcome.email.required')}
          </p>
        </div>
      )}
      <MicrophoneCheck ready={ready} device={device} onDevice={onDevice} />
      <p id="error" class="problem" role="alert" hidden={told === undefined || problem?.field !== undefined || waited}>
        {problem?.field === undefined && !waited && told}
      </p>
      <p class="ready" role="status" hidden={!waited}>
        {waited && texts('welcome.start.ready')}
      </p>
      <button id="start-call" class="primary" type="submit" disabled={!ready || seconds > 0}>
        {seconds > 0 ? texts('welcome.start.wait', { time: clock(seconds) }) : texts('welcome.start')}
      </button>
      <Consent />
      <p id="not-kept" class="hint" role="status" hidden={kept}>
        {!kept && texts('page.not_kept')}
      </p>
    </form>
  );
}

function Consent() {
  const { configuration, texts } = usePage();
  const { privacy } = configuration.links;
  return (
    <p class="hint consent configured">
      {texts('welcome.consent', { name: configuration.name })}
      {privacy && ` ${texts('welcome.consent.more')} `}
      {privacy && <OutsideLink href={privacy}>{texts('page.privacy')}</OutsideLink>}
      {privacy && '.'}
    </p>
  );
}

/** As "1:05". */
export function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
