"""The page as a listener uses it: a real browser, with clicks and keys alone."""

import csv
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from audiosr_pipeline.audio_io import write_audio
from audiosr_pipeline.study.analyse import analyse_answers
from audiosr_pipeline.study.answers import parse_rows, read_key
from audiosr_pipeline.study.page import read_study, stimuli_of, write_page
from audiosr_pipeline.study.serve import build_server
from audiosr_pipeline.study.tables import summary
from tests.signals import noise
from tests.study.small_study import STUDY, TITLE, small_study, stimulus_name, write_small_study

try:
    from playwright.sync_api import Browser, Error, Page, expect, sync_playwright
except ImportError:
    pytest.skip("playwright is not installed: pip install playwright", allow_module_level=True)

# A machine with other work takes long, and no test waits for something not to come.
expect.set_options(timeout=30_000)
EXAMPLE = Path(__file__).parents[2] / "examples/listening/study"
CHROMIUM = next((path for path in map(Path, ("/usr/bin/chromium", "/usr/bin/chromium-browser")) if path.exists()), None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        try:
            # The sandbox of Chromium doesn't start for root, as whom tests run in containers.
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--mute-audio"])
        except Error as error:
            pytest.skip(
                f"no Chromium: install it, or run `playwright install chromium` ({error.message.splitlines()[0]})"
            )
        yield browser
        browser.close()


@pytest.fixture
def page(browser) -> Iterator[Page]:
    """A page in a fresh browser profile, of which no script may have failed in the end."""
    failures = []
    with browser.new_context(locale="en-GB") as context:
        context.on("weberror", lambda error: failures.append(str(error.error)))
        yield context.new_page()
    assert failures == []


@contextmanager
def served(folder: Path, port: int = 0) -> Iterator[str]:
    """Serves `folder/page`, answers go to `folder/answers.csv`; gives the address."""
    with build_server(folder / "page", folder / "answers.csv", "127.0.0.1", port) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.url
        finally:
            server.shutdown()
            thread.join()


def heading(page: Page, text: str | re.Pattern) -> None:
    """Waits for the screen with a heading, which has the focus."""
    expect(page.get_by_role("heading", level=1, name=text)).to_be_focused()


def prepare(page: Page, tones: str = "2222", first: str = "A little practice first") -> None:
    """From the welcome to the first trial by keyboard; `tones` are the keys pressed in the check."""
    page.get_by_label("I have read this").check()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    heading(page, "Set your volume")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.keyboard.press("Enter")
    heading(page, "What are you listening with?")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    heading(page, "Some very high tones")
    for key in tones:
        answer_tone(page, key)
    heading(page, first)
    page.keyboard.press("Enter")


def answer_tone(page: Page, key: str) -> None:
    # The focus is on the heading or the play button, for both of which Space plays.
    page.keyboard.press("Space")
    expect(page.locator("#tone-hint")).to_contain_text("Did you hear beeps?")
    page.keyboard.press(key)


def hear_both_by_keys(page: Page) -> None:
    expect(page.get_by_text("Play A, then switch to B.")).to_be_visible()
    page.keyboard.press("Space")
    expect(page.get_by_text("Now switch to B.")).to_be_visible()
    page.keyboard.press("b")
    expect(page.get_by_text("Choose an answer.")).to_be_visible()


def answer_pair_by_keys(page: Page, name: str, key: str) -> None:
    heading(page, name)
    hear_both_by_keys(page)
    page.keyboard.press(key)
    page.keyboard.press("Enter")


def answer_rating_by_mouse(page: Page, name: str, label: str) -> None:
    heading(page, name)
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.get_by_text("Choose an answer.")).to_be_visible()
    page.get_by_role("radio", name=label).check()
    page.get_by_role("button", name="Next").click()


def start_block(page: Page, name: str) -> None:
    heading(page, name)
    page.get_by_role("button", name="Start").click()


def downloaded(page: Page) -> str:
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the answers").click()
    assert re.fullmatch(rf"answers-{STUDY}-[0-9a-f]{{12}}\.csv", download.value.suggested_filename)
    return Path(download.value.path()).read_bytes().decode("utf-8")


def rows_of(text: str) -> list[dict[str, str]]:
    """The rows, all of which the analysis accepts."""
    answers, rejected = parse_rows(text, "answers.csv")
    assert rejected == []
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == len(answers)
    return rows


def test_a_study_is_answered_from_the_disk_closed_and_resumed(tmp_path, page):
    study = write_small_study(tmp_path)
    address = (tmp_path / "page/index.html").as_uri() + "?form=1"
    page.goto(address)
    heading(page, TITLE)
    prepare(page)
    answer_pair_by_keys(page, "Pair 1 of 1", "3")
    start_block(page, "Now the test itself")
    answer_pair_by_keys(page, "Pair 1 of 2", "2")
    heading(page, "Pair 2 of 2")
    context = page.context
    page.close()

    page = context.new_page()
    page.goto(address)
    heading(page, "Welcome back")
    expect(page.get_by_text("You have answered 2 of 4.")).to_be_visible()
    page.get_by_role("button", name="Continue").click()
    heading(page, "Pair 2 of 2")
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.get_by_text("Now switch to B.")).to_be_visible()
    page.get_by_role("button", name="B", exact=True).click()
    expect(page.get_by_text("Choose an answer.")).to_be_visible()
    page.get_by_role("button", name="A", exact=True).click()
    page.get_by_role("radio", name="A sounds better").check()
    page.get_by_role("button", name="Next").click()
    start_block(page, "One sound at a time")
    answer_rating_by_mouse(page, "Sound 1 of 1", "Good")
    heading(page, "Thank you")

    rows = rows_of(downloaded(page))
    assert [row["answer"] for row in rows] == ["b", "none", "a", "4"]
    assert [row["switches"] for row in rows] == ["1", "1", "2", "0"]
    for index, (row, trial) in enumerate(zip(rows, study["forms"][1], strict=True)):
        expected = {
            "study": STUDY,
            "form": "1",
            "position": str(index + 1),
            "device": "headphones",
            "bandwidth_hz": "0",
        }
        expected |= {name: trial[name] for name in ("trial", "question")}
        expected |= {"stimulus_a": trial["a"], "stimulus_b": trial.get("b", "")}
        assert row | expected == row
        # What must be heard of a sound of 1 s is 0.9 s, given here to 0.01 s.
        heard = [float(row["seconds_a"]), float(row["seconds_b"] or 0.9)]
        assert min(heard) >= 0.9
        assert float(row["seconds_total"]) > float(row["seconds_a"]) + float(row["seconds_b"] or 0)
    assert len({row["listener"] for row in rows}) == 1


def test_the_example_s_answers_become_a_figure(tmp_path, page):
    page.goto((EXAMPLE / "page/index.html").as_uri() + "?form=0")
    heading(page, "Speech and music, before and after")
    prepare(page, first="Two versions of a sound")
    # The key says which side a listener who knows what to like takes.
    key = read_key(EXAMPLE / "key.csv")
    trials = read_study(EXAMPLE / "page")["forms"][0]
    for index, trial in enumerate(trials):
        systems = key.trials[trial["trial"]].systems
        role = key.trials[trial["trial"]].role
        liked = "audiosr" if role == "test" else "original"
        answer = "2" if role == "identical" else "1" if systems[trial["a"]] == liked else "3"
        answer_pair_by_keys(page, f"Pair {index + 1} of {len(trials)}", answer)
    heading(page, "Thank you")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the answers").click()
    download.value.save_as(tmp_path / "answers.csv")
    analysis = analyse_answers([tmp_path / "answers.csv"], EXAMPLE / "key.csv", tmp_path / "results")
    (preference,) = analysis.results.preferences
    assert [share.value for share in preference.shares] == [0, 0, 1]
    assert "1 listeners, 0 of them left out by rules" in summary(analysis)
    assert (tmp_path / "results/figure1.svg").is_file()


def test_served_answers_reach_the_file_as_they_are_given(tmp_path, page):
    write_small_study(tmp_path, num_pairs=1)
    with served(tmp_path) as address:
        page.goto(address + "?form=0")
        prepare(page)
        with page.expect_response("**/answers"):
            answer_pair_by_keys(page, "Pair 1 of 1", "1")
        start_block(page, "Now the test itself")
        assert [row["trial"] for row in rows_of((tmp_path / "answers.csv").read_text())] == ["p000"]
        port = int(address.split(":")[2].strip("/"))
    # The server is gone: what is answered now waits in the browser, even when its tab is closed.
    answer_pair_by_keys(page, "Pair 1 of 1", "3")
    start_block(page, "One sound at a time")
    heading(page, "Sound 1 of 1")
    context = page.context
    page.close()
    with served(tmp_path, port):
        page = context.new_page()
        page.goto(address)
        page.get_by_role("button", name="Continue").click()
        start_block(page, "One sound at a time")
        answer_rating_by_mouse(page, "Sound 1 of 1", "Excellent")
        expect(page.get_by_text("All your answers have arrived.")).to_be_visible()
        rows = rows_of((tmp_path / "answers.csv").read_text())
        assert [(row["trial"], row["answer"]) for row in rows] == [("p000", "a"), ("p001", "b"), ("q000", "5")]
        assert rows_of(downloaded(page)) == rows


def test_an_answer_needs_both_sides_heard_and_the_page_says_so(tmp_path, page):
    write_small_study(tmp_path)
    page.goto((tmp_path / "page/index.html").as_uri())
    begin = page.get_by_role("button", name="Begin")
    expect(begin).to_have_attribute("aria-disabled", "true")
    # Forced, here and below: playwright would wait until the button can be used.
    begin.click(force=True)
    expect(page.get_by_role("heading", name=TITLE)).to_be_visible()
    expect(begin).to_have_accessible_description("Please tick the box to begin.")
    prepare(page)
    heading(page, "Pair 1 of 1")
    submit, side_b = (page.get_by_role("button", name=name, exact=True) for name in ("Next", "B"))
    expect(submit).to_have_accessible_description("Play A, then switch to B.")
    expect(side_b).to_have_attribute("aria-disabled", "true")
    page.keyboard.press("1")
    expect(page.get_by_role("radio", name="A sounds better")).to_be_checked()
    page.keyboard.press("b")
    expect(page.get_by_role("button", name="Play", exact=True)).to_be_visible()
    submit.click(force=True)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Pair 1 of 1")).to_be_visible()
    page.keyboard.press("a")
    expect(submit).to_have_accessible_description("Now switch to B.")
    expect(submit).to_have_attribute("aria-disabled", "true")
    side_b.click()
    expect(side_b).to_have_attribute("aria-pressed", "true")
    expect(submit).to_have_attribute("aria-disabled", "false")
    submit.click()
    heading(page, "Now the test itself")


def test_both_sides_keep_their_place_and_a_part_can_be_looped(tmp_path, page):
    write_small_study(tmp_path, seconds=8.0)
    page.goto((tmp_path / "page/index.html").as_uri())
    prepare(page)
    heading(page, "Pair 1 of 1")
    timeline = page.get_by_role("slider", name="Position")

    def position() -> float:
        return float(page.locator("#time").inner_text().split(" / ")[0])

    # The time is shown to 0.1 s, and a pixel is 14 ms.
    tolerance = 0.07
    expect(timeline).to_have_attribute("aria-valuemax", "8.00")
    box = timeline.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert position() == pytest.approx(4.0, abs=tolerance)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    assert position() == pytest.approx(3.5, abs=tolerance)
    expect(timeline).to_have_attribute("aria-valuetext", "3.5 of 8.0 seconds")
    page.keyboard.press("Space")
    expect(page.locator("#time")).not_to_have_text("3.5 / 8.0 s")
    page.keyboard.press("Space")
    stopped = position()
    assert 3.5 < stopped < 8.0
    # Switching starts where the other side stopped.
    page.keyboard.press("b")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="B", exact=True)).to_have_attribute("aria-pressed", "true")
    assert stopped <= position() < 8.0

    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.25 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.375 * box["width"], y, steps=4)
    page.mouse.up()
    expect(page.get_by_role("button", name="End the loop")).to_be_visible()
    page.keyboard.press("Space")
    # Twice as long as the loop, in which all positions stay.
    for _ in range(10):
        page.wait_for_timeout(200)
        assert 2 - tolerance <= position() <= 3 + tolerance
    page.keyboard.press("l")
    page.keyboard.press("Space")
    page.keyboard.press("Home")
    page.keyboard.press("l")
    expect(page.get_by_role("button", name="Loop until here")).to_be_visible()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("l")
    expect(page.locator("#live")).to_have_text("Loop from 0.0 to 1.0 seconds")


def test_who_hears_the_silence_is_asked_again(tmp_path, page):
    write_small_study(tmp_path, num_pairs=0)
    page.goto((tmp_path / "page/index.html").as_uri())
    prepare(page, "1111" + "1111")
    answer_pair_by_keys(page, "Pair 1 of 1", "1")
    start_block(page, "One sound at a time")
    answer_rating_by_mouse(page, "Sound 1 of 1", "Bad")
    # Two guesses in a row: none of the tones counts.
    assert {row["bandwidth_hz"] for row in rows_of(downloaded(page))} == {"0"}


def test_the_highest_tone_that_is_heard_is_kept(tmp_path, page):
    write_small_study(tmp_path, num_pairs=0, num_ratings=0)
    # Random numbers that grow leave the silence first and the tones in their order.
    page.add_init_script("let drawn = 0; Math.random = () => (drawn += 1) / 1000;")
    page.goto((tmp_path / "page/index.html").as_uri())
    prepare(page, "2112")
    answer_pair_by_keys(page, "Pair 1 of 1", "1")
    assert [row["bandwidth_hz"] for row in rows_of(downloaded(page))] == ["14000"]


def test_the_tones_are_what_they_are_called(tmp_path, page):
    write_small_study(tmp_path)
    page.goto((tmp_path / "page/index.html").as_uri())
    for frequency in (0, 12_000, 14_000, 16_000):
        samples = np.array(page.evaluate("(frequency) => Array.from(beeps(frequency).getChannelData(0))", frequency))
        # Soft (-26 dB of full scale; three samples in a period of 16 kHz miss its peak), and nothing for 0 Hz.
        loudest = np.abs(samples).max()
        assert 0.043 < loudest < 0.0501 if frequency else loudest == 0
        spectrum = np.abs(np.fft.rfft(samples)) ** 2
        near = np.abs(np.fft.rfftfreq(samples.size, 1 / 48_000) - frequency) < 100
        # Slow flanks: all but a millionth of the energy lies within 100 Hz.
        assert spectrum[~near].sum() <= 1e-6 * spectrum.sum()


def test_a_stimulus_that_is_missing_or_damaged_can_be_tried_again(tmp_path, page):
    write_small_study(tmp_path)
    files = [tmp_path / f"page/stimuli/{stimulus_name(index)}.js" for index in (2, 3)]
    contents = [file.read_text() for file in files]
    files[0].unlink()
    files[1].write_text(f'stimulus("{stimulus_name(3)}", "flac", "AAAA");')
    page.goto((tmp_path / "page/index.html").as_uri() + "?form=0")
    prepare(page)
    answer_pair_by_keys(page, "Pair 1 of 1", "1")
    start_block(page, "Now the test itself")
    problem = page.get_by_role("alert").filter(has_text="This sound could not be loaded.")
    expect(problem).to_be_visible()
    files[0].write_text(contents[0])
    page.get_by_role("button", name="Try again").click()
    expect(problem).to_be_visible()
    files[1].write_text(contents[1])
    page.get_by_role("button", name="Try again").click()
    expect(problem).to_be_hidden()
    answer_pair_by_keys(page, "Pair 1 of 2", "1")
    heading(page, "Pair 2 of 2")


def test_a_second_tab_follows_the_first_and_a_second_listener_adds_rows(tmp_path, page):
    write_small_study(tmp_path, num_pairs=0)
    address = (tmp_path / "page/index.html").as_uri()
    page.goto(address)
    prepare(page)
    heading(page, "Pair 1 of 1")
    other = page.context.new_page()
    other.goto(address)
    expect(other.get_by_text("You have answered 0 of 2.")).to_be_visible()
    page.bring_to_front()
    answer_pair_by_keys(page, "Pair 1 of 1", "1")
    expect(other.get_by_text("You have answered 1 of 2.")).to_be_visible()
    other.close()
    start_block(page, "One sound at a time")
    answer_rating_by_mouse(page, "Sound 1 of 1", "Fair")
    page.get_by_role("button", name="Another person listens").click()
    heading(page, TITLE)
    prepare(page)
    answer_pair_by_keys(page, "Pair 1 of 1", "2")
    start_block(page, "One sound at a time")
    answer_rating_by_mouse(page, "Sound 1 of 1", "Poor")
    rows = rows_of(downloaded(page))
    assert [row["answer"] for row in rows] == ["a", "3", "none", "2"]
    assert len({row["listener"] for row in rows}) == 2


def test_a_link_to_a_form_that_does_not_exist_says_so(tmp_path, page):
    write_small_study(tmp_path)
    page.goto((tmp_path / "page/index.html").as_uri() + "?form=2")
    heading(page, "This link doesn’t work")
    expect(page.get_by_text("It asks for form 2, but this test has the forms 0 to 1.")).to_be_visible()


def test_nothing_is_wider_than_a_small_phone(tmp_path, browser):
    write_small_study(tmp_path, num_pairs=0)
    size = {"width": 360, "height": 640}

    def fits() -> bool:
        return page.evaluate("document.documentElement.scrollWidth") <= size["width"]

    with browser.new_context(viewport=size, has_touch=True, is_mobile=True) as context:
        page = context.new_page()
        page.goto((tmp_path / "page/index.html").as_uri())
        assert fits()
        prepare(page)
        hear_both_by_keys(page)
        assert fits()
        page.get_by_role("radio", name="No clear difference").tap()
        page.get_by_role("button", name="Next").tap()
        start_block(page, "One sound at a time")
        answer_rating_by_mouse(page, "Sound 1 of 1", "Excellent")
        heading(page, "Thank you")
        assert fits()


def test_scales_count_once_they_were_moved_and_prompts_are_shown(tmp_path, page):
    questions = ("overall", "relevance", "audio_quality")
    prompts = {"overall": "Rain & <b>wind</b>", "relevance": "Rain & <b>wind</b>"}
    study = small_study(num_pairs=0)
    study["forms"] = [
        [
            {"trial": f"{question[0]}001", "question": question, "training": False, "a": stimulus_name(0)}
            | ({"prompt": prompts[question]} if question in prompts else {})
            for question in questions
        ]
    ]
    audio = tmp_path / "0.wav"
    write_audio(audio, noise(1.0, amplitude=0.05), 48_000)
    write_page(tmp_path / "page", study, dict.fromkeys(stimuli_of(study), audio))
    page.goto((tmp_path / "page/index.html").as_uri())
    expect(page.get_by_text("You will hear 3 sounds.")).to_be_visible()
    prepare(page, first="One sound at a time")
    scale, submit = page.get_by_role("slider", name=re.compile("sound")), page.get_by_role("button", name="Next")
    for number, question in enumerate(questions):
        heading(page, "Sound 1 of 1")
        prompt = page.get_by_text(f"“{prompts['overall']}”")
        expect(prompt).to_be_visible(visible=question in prompts)
        page.keyboard.press("Space")
        expect(page.get_by_text("Move the scale.")).to_be_visible()
        expect(submit).to_have_attribute("aria-disabled", "true")
        if number == 0:
            page.keyboard.press("7")
        elif number == 1:
            # Where it stands at first is an answer once it is clicked.
            scale.click()
        else:
            scale.focus()
            page.keyboard.press("End")
            page.keyboard.press("ArrowLeft")
        expect(submit).to_have_attribute("aria-disabled", "false")
        submit.click()
        if number < 2:
            expect(page.get_by_text(("Second part", "Third part")[number])).to_be_visible()
            start_block(page, "One sound at a time")
    heading(page, "Thank you")
    first, second, third = (row["answer"] for row in rows_of(downloaded(page)))
    # The middle of 1 to 100, where a click may be a step off.
    assert (first, third) == ("70", "99") and int(second) in (49, 50, 51, 52)


SWITCH_TWICE = """async () => {
  const offline = new OfflineAudioContext(1, 48000, 48000);
  const goOn = offline.resume.bind(offline);
  offline.resume = async () => {};
  context = offline;
  const [a, b] = [1, 0.5].map((level) => {
    const buffer = offline.createBuffer(1, 48000, 48000);
    buffer.copyToChannel(Float32Array.from({ length: 48000 }, (_, i) => level * Math.sin(0.05 * i)), 0);
    return buffer;
  });
  const switched = new Player({ a, b }, () => {});
  switched.play();
  for (const [time, side] of [[0.25, "b"], [0.5, "a"]])
    offline.suspend(time).then(() => { switched.choose(side); return goOn(); });
  return Array.from((await offline.startRendering()).getChannelData(0));
}"""


def test_a_switch_loses_no_sample(tmp_path, page):
    write_small_study(tmp_path)
    page.goto((tmp_path / "page/index.html").as_uri())
    # Not a listener's way: what the player puts out, rendered faster than it is heard.
    output = np.array(page.evaluate(SWITCH_TWICE))
    delay, fade = 1_440, 512
    expected = np.sin(0.05 * np.arange(48_000 - delay))
    played = output[delay:]
    for start, end, level in [(fade, 12_000, 1.0), (12_000 + fade, 24_000, 0.5), (24_000 + fade, 40_000, 1.0)]:
        # float32, and a fade of 0.008 s that the switch may begin a block of 128 samples late.
        part = slice(max(start - delay, fade), end - delay)
        np.testing.assert_allclose(played[part], level * expected[part], atol=1e-5)
    # In the fades no sample jumps by more than the tone's own 0.05 and the fade's 1/384.
    assert np.abs(np.diff(output[delay + fade :])).max() < 0.054
