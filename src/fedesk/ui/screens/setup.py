"""The screens of the first start: the offer, the first configuration page by page, and their keys."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, cast

from textual.containers import VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from fedesk.ui import present
from fedesk.ui.actions import Action, Target
from fedesk.ui.screens.texts import help_content
from fedesk.ui.setup import answers, drawing, typing
from fedesk.ui.setup.keys import LINES, READ, SETUP, WELCOME, by_key
from fedesk.ui.setup.questions import PAGES, SYSTEMS, Kind, Page
from fedesk.ui.setup.trials import PAUSE, TrialEnded, Trials
from fedesk.ui.widgets.key_line import key_content

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events
    from textual.app import ComposeResult
    from textual.timer import Timer

    from fedesk.setting_up import Saved
    from fedesk.ui.setup.app import SetupApp

_LEAVING = frozenset({"ctrl+c", "ctrl+q"})


class SaveEnded(Message):
    """The configuration was written, or why it was not."""

    def __init__(self, saved: Saved | None, problem: str = "") -> None:
        super().__init__()
        self.saved = saved
        self.problem = problem


class FirstScreen(Screen[None]):
    """A screen whose keys are those of a table; ``do_ID`` is the method behind one."""

    ACTIONS: ClassVar[tuple[Action, ...]] = ()

    @property
    def setup_app(self) -> SetupApp:
        """The app."""
        return cast("SetupApp", self.app)

    @property
    def target(self) -> Target:
        """What the keys are aimed at."""
        return Target()

    def take_key(self, event: events.Key) -> bool:
        """Every key, in the order in which they come: text first, then the table."""
        if self.take_text(event):
            return True
        action = by_key(self.ACTIONS).get(event.key)
        if action is not None:
            if action.against(self.target) is None:
                cast("Callable[[], None]", getattr(self, f"do_{action.id.replace('-', '_')}"))()
            return True
        return event.key not in _LEAVING

    def take_text(self, event: events.Key) -> bool:  # noqa: ARG002 - for the screen in which one types
        """Take a key as text; says whether it was taken."""
        return False

    def take_paste(self, text: str) -> None:
        """What is pasted where nothing is typed is dropped."""

    def do_help(self) -> None:
        """The keys of this place."""
        self.app.push_screen(KeysScreen((*self.ACTIONS, *LINES) if self.ACTIONS is SETUP else self.ACTIONS))

    def do_quit(self) -> None:
        """Leave; nothing is written."""
        self.setup_app.leave()

    def on_mount(self) -> None:
        """Draw what is known."""
        self.draw()

    def on_resize(self) -> None:
        """Everything is laid out by hand."""
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """Draw what is so now."""


class KeysScreen(FirstScreen):
    """What the keys of a place do."""

    ACTIONS = READ

    def __init__(self, of: tuple[Action, ...]) -> None:
        super().__init__()
        self._of = of
        self._text = Static(markup=False)
        self._scroll = VerticalScroll(id="first-body")

    def compose(self) -> ComposeResult:
        """The keys, and those that lead back."""
        self._scroll.border_title = "Keys"
        with self._scroll:
            yield self._text
        yield Static(key_content(READ, Target(), self.app.size.width), classes="first-keys", markup=False)

    def draw(self) -> None:
        """Wrapped to the width."""
        width = max(self._scroll.scrollable_content_region.width, 20)
        self._text.update(help_content(self._of, Target(), width))

    def do_down(self) -> None:
        """One line down."""
        self._scroll.scroll_down(animate=False)

    def do_up(self) -> None:
        """One line up."""
        self._scroll.scroll_up(animate=False)

    def do_back(self) -> None:
        """Back."""
        self.dismiss(None)


@dataclass(frozen=True, slots=True)
class _Offer:
    id: str
    title: str
    about: str


_OFFERS = (
    _Offer("demo", "Try the demo", "Four systems on this machine, with nothing to set up. `fedesk demo`"),
    _Offer(
        "init",
        "Set up your systems",
        "Asks for addresses, tries each, writes a file. `fedesk config init`",
    ),
    _Offer("quit", "Leave", "Nothing is written."),
)


class WelcomeScreen(FirstScreen):
    """There is no configuration: what one may do instead."""

    ACTIONS = WELCOME

    def __init__(self) -> None:
        super().__init__()
        self._at = 0
        self._text = Static(id="first-body", markup=False)
        self._keys = Static(classes="first-keys", markup=False)

    def compose(self) -> ComposeResult:
        """The offer and the keys."""
        yield self._text
        yield self._keys

    def draw(self) -> None:
        """The offer, with the cursor."""
        setup = self.setup_app.setup
        width = max(self.app.size.width - 6, 20)
        where = "is at" if setup.there else "would be at"
        lines = [
            Content.styled("fedesk", "bold"),
            Content.styled("The desk over Jenkins, Airflow, Vault and Snowflake.", present.MUTED),
            Content(),
            Content("There is no configuration yet." if not setup.there else "There is a configuration."),
            Content.styled(f"It {where} {present.text(str(setup.path), 300)}", present.MUTED),
            Content(),
        ]
        for number, offer in enumerate(_OFFERS):
            is_here = number == self._at
            lines.append(
                Content.assemble(
                    ("▸ " if is_here else "  ", "$text-accent"), (offer.title, "bold" if is_here else "")
                )
            )
            lines += [
                Content.assemble("    ", line)
                for line in Content.styled(offer.about, present.MUTED).wrap(width - 4)
            ]
        self._text.update(Content("\n").join([part for line in lines for part in line.wrap(width) or [line]]))
        self._keys.update(key_content(WELCOME, Target(), self.app.size.width))

    def do_down(self) -> None:
        """To the next."""
        self._at = (self._at + 1) % len(_OFFERS)
        self.draw()

    def do_up(self) -> None:
        """To the one before."""
        self._at = (self._at - 1) % len(_OFFERS)
        self.draw()

    def do_open(self) -> None:
        """What the cursor is on."""
        cast("Callable[[], None]", getattr(self, f"do_{_OFFERS[self._at].id}"))()

    def do_demo(self) -> None:
        """The demo."""
        self.setup_app.begin_demo()

    def do_init(self) -> None:
        """The first configuration, where one was."""
        self._at = 1
        self.app.push_screen(SetupScreen())


class SetupScreen(FirstScreen):
    """The first configuration: one page at a time, tried while it is typed, written in the end."""

    ACTIONS = SETUP

    def __init__(self) -> None:
        super().__init__()
        self._problem = ""
        self._saving = False
        self._pause: Timer | None = None
        self._head = Static(id="first-head", markup=False)
        self._body = Static(id="first-body", markup=False)
        self._foot = Static(id="first-foot", markup=False)
        self._keys = Static(classes="first-keys", markup=False)

    def compose(self) -> ComposeResult:
        """Pages, the lines of the one that is seen, what the line is for, the keys."""
        yield self._head
        yield self._body
        yield self._foot
        yield self._keys

    @property
    def setup(self) -> answers.Setup:
        """What was answered so far; it outlives this screen."""
        return self.setup_app.setup

    @property
    def trials(self) -> Trials:
        """What was tried so far; it outlives this screen."""
        return self.setup_app.trials

    @property
    def target(self) -> Target:
        """Whether there is something to try, and what is in the way of writing."""
        setup = self.setup
        if setup.page is not Page.WRITE:
            missing = "the last page writes it"
        else:
            missing = "it is being written" if self._saving else answers.missing(setup)
        is_tried = setup.page in SYSTEMS and setup.has(setup.page)
        return Target(name=setup.page.value if is_tried else "", missing=missing)

    # What is typed

    def take_text(self, event: events.Key) -> bool:
        """Text goes into the line that has the keys; ``?`` too, where it can be part of the answer."""
        question = self.setup.question
        can_hold_a_mark = question is not None and (question.kind is Kind.HIDDEN or question.key == "program")
        if event.key == "question_mark" and not can_hold_a_mark:
            return False
        edited = typing.take_key(self.setup, event)
        if edited is None or self._saving:
            return False
        self._become(edited)
        return True

    def take_paste(self, text: str) -> None:
        """What is pasted goes into the line, all of it at once."""
        if not self._saving:
            self._become(typing.paste(self.setup, text))

    def _become(self, setup: answers.Setup) -> None:
        """Something was typed: it is tried once nothing more is."""
        self.setup_app.setup = setup
        self.trials.edited(setup)
        self._problem = ""
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.set_timer(PAUSE, self._knock)
        self.draw()

    def _knock(self) -> None:
        self.trials.knock(self.setup)
        self.draw()

    # Where one is

    def _go(self, setup: answers.Setup) -> None:
        """To another line or page; what one leaves is tried."""
        before = self.setup
        if setup.page is not before.page:
            setup = replace(setup, left=setup.left | {before.page})
        self.setup_app.setup = setup
        self.trials.look(before, before.page)
        self.draw()

    def _go_page(self, by: int, line: int = 0) -> None:
        number = PAGES.index(self.setup.page) + by
        if 0 <= number < len(PAGES):
            self._go(answers.at(self.setup, PAGES[number], line))
        elif number < 0:
            self.dismiss(None)

    def do_next(self) -> None:
        """To the next line; behind the last one, or where there is no such system, to the next page."""
        setup = self.setup
        is_empty = setup.page in SYSTEMS and not setup.has(setup.page)
        moved = None if is_empty else typing.moved(setup, 1)
        if moved is None:
            self._go_page(1)
        else:
            self._go(moved)

    def do_down(self) -> None:
        """To the next line."""
        self._go(typing.moved(self.setup, 1) or self.setup)

    def do_up(self) -> None:
        """To the line before; before the first one, to the end of the page before."""
        moved = typing.moved(self.setup, -1)
        if moved is not None:
            self._go(moved)
        elif self.setup.page is not PAGES[0]:
            self._go_page(-1, -1)

    def do_page_down(self) -> None:
        """To the next page."""
        self._go_page(1)

    def do_page_up(self) -> None:
        """To the page before."""
        if self.setup.page is not PAGES[0]:
            self._go_page(-1)

    def do_back(self) -> None:
        """To the page before, and from the first one to the offer."""
        self._go_page(-1)

    def do_again(self) -> None:
        """Try it again."""
        self.trials.look(self.setup, self.setup.page, again=True)
        self.draw()

    # What the systems say

    def on_trial_ended(self, message: TrialEnded) -> None:
        """An answer; one to an earlier question is dropped."""
        if not self.trials.take(message):
            return
        if message.tried.parts and not self._is_narrowed(message.page):
            setup = self.setup
            self.setup_app.setup = replace(setup, parts={**setup.parts, message.page: message.tried.parts})
            self.trials.edited(self.setup)
        self.draw()

    def _is_narrowed(self, page: Page) -> bool:
        """Whether a part alone was looked at: of Jenkins and Airflow the others are not seen then."""
        given = self.setup.answers(page)
        return page in self.setup.parts and bool(given.get("folders") or given.get("tags"))

    # The end

    def do_write(self) -> None:
        """Write it, on a thread: a keyring may ask to be unlocked."""
        self._saving, self._problem = True, ""
        setup = self.setup
        threading.Thread(target=self._save, args=(setup,), name="write configuration", daemon=True).start()
        self.draw()

    def _save(self, setup: answers.Setup) -> None:
        from fedesk.setting_up import NotSavedError, save

        secrets = {
            system: secret
            for page, system in SYSTEMS.items()
            if setup.has(page) and (secret := answers.typed_secret(setup, page)) is not None
        }
        replacing = setup.answers(Page.WRITE)["replace"] == "yes"
        try:
            saved = save(setup.path, answers.draft(setup), secrets, replacing=replacing)
        except NotSavedError as error:
            self.post_message(SaveEnded(None, str(error)))
        except Exception as error:  # noqa: BLE001 - said on the page, whatever it is
            said = f"fedesk failed while writing it ({type(error).__name__}); please report it."
            self.post_message(SaveEnded(None, said))
        else:
            self.post_message(SaveEnded(saved))

    def on_save_ended(self, message: SaveEnded) -> None:
        """The board opens; or what is in the way is said."""
        self._saving = False
        if message.saved is not None:
            self.setup_app.open_board(message.saved)
            return
        self._problem = message.problem
        there = os.path.lexists(self.setup.path)
        self.setup_app.setup = replace(self.setup, there=there)
        self.draw()

    # Drawing

    def draw(self) -> None:
        """Draw what is so now."""
        if not self.is_mounted:
            return
        setup = self.setup
        trials = {page: self.trials.of(page) for page in SYSTEMS}
        width = max(self.app.size.width - 4, 20)
        self._head.update(drawing.head(setup, trials, self.app.size.width - 2))
        focus = 0
        if setup.page is Page.WRITE:
            asked, focus = drawing.page(setup, self.trials.of(setup.page), width)
            lines = drawing.summary(setup, trials, self._problem, width)
            lines = [*asked, Content(), *lines] if asked else lines
        else:
            lines, focus = drawing.page(setup, self.trials.of(setup.page), width)
        foot = drawing.foot(setup, width)
        self._foot.update(Content("\n").join(foot))
        height = max(self.app.size.height - 5 - len(foot), 3)
        self._body.update(Content("\n").join(drawing.window(lines, focus, height)))
        self._keys.update(key_content(SETUP, self.target, self.app.size.width))
