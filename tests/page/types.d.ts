// What the page's scripts pass to each other.

type Side = "a" | "b";
type Question = "preference" | "quality" | "overall" | "relevance" | "audio_quality";

/** A trial as the study gives it; `b` is missing where one sound is rated, `prompt` where it isn't asked about. */
interface FormTrial {
  trial: string;
  question: Question;
  training: boolean;
  a: string;
  b?: string;
  prompt?: string;
}

/** What `write_page` puts into the page. */
interface Study {
  study: string;
  title: string;
  consent?: string;
  question_texts?: Partial<Record<Question, string>>;
  forms: FormTrial[][];
  durations_s: Record<string, number>;
}

/** A row of the answers, by the names of its fields. */
type Answer = Record<string, string>;

interface Entry {
  answer: Answer;
  delivered: boolean;
}

interface Session {
  listener: string;
  form: number;
  device: string | null;
  bandwidth_hz: number | null;
  answers: Entry[];
}

/** The trial on the screen: its place from 1 on, when it was opened, and where a loop that is being marked starts. */
interface OpenTrial extends FormTrial {
  position: number;
  openedAt: number;
  loopStart: number | null;
}

/** The check of high tones: frequencies in Hz, and for each that was played whether it was heard. */
interface Tones {
  order: number[];
  heard: boolean[];
  isRepeated: boolean;
  wasPlayed?: boolean;
}

/** Start and end in s. */
type Region = [number, number];
