"""Symptom and affected services in what a client said: phrases, what denies them, and which of several counts. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from triage.claim_words.spelling import Said
from triage.model import Symptom

CANT = r"(?:cant|can not|couldnt|could not|unable to|not able to|no 1 can|nobody can|no one can)"
_AUXILIARY = (
    r"(?: (?:are|is|keep|keeps|always|constantly|get|gets|getting|been|have|has|just|all|started|were"
    r"|was|being|sometimes|randomly|also))*"
)
_SPEECH = r"(?:phones?|telephones?|calls?|audio|voice|sound|voip|conversations?)"
_LINE = r"(?:connection|connectivity|internet|service|signal|network|registration|access|link)"

_PHRASES: dict[Symptom, Sequence[str]] = {
    Symptom.DOWN: (
        r"(?:completely |totally |fully |entirely |hard |all |gone |went |goes |going )*down",
        r"no (?:\w+ )?(?:internet|connection|connectivity|service|signal|dial tone|network|access|wifi|wi fi"
        r"|wireless|web"
        r"|link|phones|email|e mail|vpn|data)(?: connection| access| service)?(?: at all)?"
        r"(?! (?:issue|problem|trouble|outage|complaint)s?)",
        r"without (?:internet|connection|service|phones|network)",
        rf"(?:lost|lose) (?:\w+ ){{0,2}}{_LINE}(?: connection| access)?",
        r"(?:lost|lose) everything",
        rf"{_LINE} (?:was |is |has been )?(?:lost|gone)",
        r"(?:is|isnt|are|arent|does|doesnt|do|dont|has|hasnt|was|wasnt|will|wont)? ?(?:not )?(?:working"
        r"|work) at all",
        r"(?:not|isnt|arent|doesnt|dont|wont|wasnt|hasnt been|no longer|stopped|quit) (?:work|working|works"
        r"|connecting)",
        r"(?:stopped|quit)(?: working)?", r"nothing (?:is )?(?:works?|working|loads?|loading|opens|connects)",
        r"off ?line", r"outages?", r"(?:is|are|been|went|goes|still) (?:completely "
        r"|totally )?out(?! of (?!service|order))",
        r"(?:completely |totally )?dead", r"(?:went|gone|is|all) dark", r"out of (?:service|order)", r"black ?out",
        rf"{CANT} (?:get (?:online|on|to|out|in|into|any)|connect|access|reach|process|make|receive|use|log|open"
        r"|browse|load|do|work|take|send|surf|go online|dial|print|see|ring|call|run|be reached|register)",
        r"no light", r"red light",
        r"(?:wont|doesnt|does not|will not) (?:load|open|come up|respond|start|register)", r"(?:hasnt|has not"
        r"|not) come back",
    ),
    Symptom.DROPS: (
        r"(?:keeps? |kept |constantly |always |randomly )?(?:going )?(?:drops?|dropping|dropped|drop outs?"
        r"|dropouts?)"
        r"(?: out| off)?",
        r"(?:keeps?|kept|constantly|always) (?:going (?:down|out|off ?line)|losing|cutting out|failing"
        r"|resetting|going)",
        r"(?:loses|losing|keeps losing) (?:\w+ )?(?:connection|connectivity|internet|service|signal|contact)",
        r"intermittent(?:ly)?(?: (?:outages?|drops?|down|loss|going down|losing))*", r"sporadic(?:ally)?",
        r"(?:down )?on and off", r"off and on", r"on again off again", r"in and out", r"up and down(?: \w+ly)?",
        r"(?:comes|coming|come) and (?:goes|going|go)",
        r"(?:goes|going|went) (?:down|out|off ?line) and (?:comes|coming|came|come) back",
        r"disconnect(?:s|ed|ing|ions?)?", r"unstable", r"fluctuat\w+", r"instability", r"spotty", r"flaky", r"patchy",
        r"(?:flap|bounc|reconnect)(?:s|e|es|ed|ing|ping|ped)?", r"flapping", r"hit or miss",
        r"(?:cut|cuts|cutting|blip|blips|blipping)(?: out| off)", r"blips?", r"kick(?:s|ed|ing)? \w+ (?:\w+ )?off",
        r"(?:kicked|thrown|booted) (?:off|out)", r"packets? (?:being )?los[st]", r"los(?:es|ing|t) packets",
        r"losing packets", r"(?:down|out) (?:again )?every (?:few|\d+|couple)", r"(?:goes|going) out",
    ),
    Symptom.VOICE: (
        rf"{_SPEECH}{_AUXILIARY} (?:cut|cuts|cutting|break|breaks|breaking|drop|drops|dropping|dropped|clip"
        rf"|clipping)"
        r"(?: out| up| off| in and out)?",
        r"(?:dropped|dropping|drop) (?:\w+ )?calls?", r"chopp(?:y|ing)(?: \w+ calls| calls| audio)?", r"robot\w*",
        r"garbl\w+", r"jitter\w*", r"echo\w*", r"static", r"(?:1|one) way (?:audio|calls?|speech|voice)",
        r"no (?:audio|sound|voice)", rf"{CANT} (?:hear|be heard)", r"break(?:s|ing)? up",
        r"(?:voice|call|audio|sound) quality",
        r"(?:bad|poor|terrible) (?:calls|audio|call quality|voice)", r"distort\w+", r"muffled", r"crackl\w+",
        r"tinny",
        r"(?:under ?water|like robots?)", r"delay on (?:the )?(?:calls|phones)", r"mos score",
    ),
    Symptom.SLOW: (
        r"slow(?:s|er|ed|ing|ly|ness)?(?: (?:it |us )?down| to a crawl)?", r"slows? to a crawl", r"sluggish\w*",
        r"lag(?:s|gy|ging|ged)?", r"latenc\w+", r"crawl\w*", r"buffer\w*", r"tim(?:e|es|ed|ing) ?outs?",
        r"timeouts?",
        r"tak(?:es|e|ing) (?:\w+ )?(?:ages|forever|long|\d+ minutes|minutes)", r"loading forever",
        r"speed ?tests?(?: \w+){0,4} [\d.]+ ?(?:mbps|mbit|mb|meg\w*|m|kbps|k)?",
        r"(?:only|getting|just) [\d.]+ (?:mbps|mbit|mb|megs?|kbps)(?: down| up)?", r"down to [\d.]+",
        r"[\d.]+ (?:mbps|mbit|mb|megs?|kbps) down", r"[\d.]+ down (?:and )?[\d.]+ up",
        r"speeds?(?: (?:are|is|has|have|been|went|way|well|far|really|very|so|just))*"
        r" (?:below|low|bad|poor|down|dropped|dropping|terrible|awful|reduced|half|under)",
        r"(?:low|bad|poor|terrible|reduced) (?:speeds?|performance|throughput|bandwidth)", r"bandwidth",
        r"congest\w+",
        r"degrad\w+", r"hang(?:s|ing)?", r"hung", r"fr(?:ee|o)z\w+", r"spinning", r"unusable", r"stutter\w*",
        r"high ping", r"[\d.]+ ms",
    ),
}  # fmt: skip
_FINDERS = {symptom: re.compile(rf"\b(?:{'|'.join(phrases)})\b") for symptom, phrases in _PHRASES.items()}

_DENIED = re.compile(
    r"\b(?:not|isnt|arent|wasnt|werent|aint|doesnt|dont|didnt|hasnt|havent|never|without|no|no more|no longer)"
    r"(?: (?:completely|totally|really|very|that|any|a|an|the|so|being|been|all|too|actually|currently|seem"
    r"|seems|to|be"
    r"|it|fully|more))* ?$"
)
_OVER = re.compile(r"^ (?:any ?more|no more)\b")
_ON_AND_OFF = re.compile(
    r"\b(?:intermittent\w*|on and off|off and on|comes? and goes?|in and out|up and down|sporadic\w*"
    r"|every (?:few|couple"
    r"|\d+)|keeps?|kept|constantly|repeatedly|spotty|flaky|times)\b"
)
_FOR_GOOD = re.compile(
    r"\b(?:completely|totally|fully|entirely|hard|now)\b.*\b(?:down|out|dead)\b|\bdead\b"
    r"|\bat all\b"
)


@dataclass(frozen=True, slots=True)
class Phrase:
    """What words at [start, stop) of the text in one spelling were taken for."""

    what: str
    start: int
    stop: int


def symptoms_in(words: Said) -> tuple[Phrase, ...]:
    """One phrase for each symptom named and not denied, the main one first: `down` before `drops` before the others,
    those in the order of the words. "Down on and off" is `drops`."""
    phrases = [phrase for phrase in _longest(_phrases(words.text)) if not _denied(words.text, phrase)]
    again = _ON_AND_OFF.search(words.text) and not _FOR_GOOD.search(words.text)
    if again and any(phrase.what == Symptom.DROPS for phrase in phrases):
        phrases = [phrase for phrase in phrases if phrase.what != Symptom.DOWN]
    first = {phrase.what: phrase for phrase in reversed(phrases)}
    order = {Symptom.DOWN.value: 0, Symptom.DROPS.value: 1}
    return tuple(sorted(first.values(), key=lambda phrase: (order.get(phrase.what, 2), phrase.start)))


def _phrases(text: str) -> Iterator[Phrase]:
    for symptom, finder in _FINDERS.items():
        for match in finder.finditer(text):
            lead = len(match[0]) - len(match[0].lstrip())
            yield Phrase(symptom.value, match.start() + lead, match.end())


def _longest(phrases: Iterator[Phrase]) -> list[Phrase]:
    """In the order of the text; of overlapping ones the longest, and of equals the first of the table."""
    kept: list[Phrase] = []
    for phrase in sorted(phrases, key=lambda one: one.start - one.stop):
        if all(phrase.stop <= other.start or phrase.start >= other.stop for other in kept):
            kept.append(phrase)
    return sorted(kept, key=lambda one: one.start)


def _denied(text: str, phrase: Phrase) -> bool:
    return bool(_DENIED.search(text[: phrase.start]) or _OVER.match(text[phrase.stop :]))


_SERVICES: dict[str, str] = {
    "phones": r"phones?|telephones?|calls|call (?=quality|drop)|voip|sip|handsets?|dial tone|voice|pbx"
        r"|land ?lines?",
    "card payments": r"(?:credit |debit |gift )?cards?(?: (?:machines?|readers?|terminals?|payments?"
        r"|processing))?|pos"
    r"|tills?|registers|(?:cash|the|our|my) register|terminals?|payments?|check ?outs?|eftpos|pin ?pads?|point of sale",
    "VPN": r"vpn|tunnel",
    "Wi-Fi": r"wi ?fi|wireless|wlan|ssid|hot ?spot",
    "e-mail": r"e ?mails?|outlook|exchange|mail ?box(?:es)?",
    "Teams": r"(?<!our )(?<!the )(?<!both )(?<!all )teams(?: (?:calls?|meetings?))?",
    "Zoom": r"zoom(?: (?:calls?|meetings?))?", "Webex": r"webex(?: (?:calls?|meetings?))?", "Citrix": r"citrix",
    "SAP": r"sap", "Salesforce": r"sales ?force", "SharePoint": r"share ?point", "OneDrive": r"one ?drive",
    "Office 365": r"(?:office|o|microsoft|ms|m) ?365", "YouTube": r"you ?tube", "Netflix": r"netflix",
    "remote desktop": r"remote desktop|rdp", "QuickBooks": r"quick ?books", "Dropbox": r"dropbox", "Slack":
    r"slack",
    "Epic": r"epic", "Oracle": r"oracle",
    "internet": r"internet|web(?: ?(?:sites?|pages?))?|get online|connectivity|connection|network|broadband|wan|isp"
    r"|browsing|downloads?|uploads?",
}  # fmt: skip
"""What a client may name, under the name that we give it. Sources: the words of repair desks; add what yours says."""
_NAMED = re.compile(
    "|".join(rf"(?P<s{number}>\b(?:{pattern})\b)" for number, pattern in enumerate(_SERVICES.values()))
    + r"|\b(?:app|application|program|software|system) (?:called|named) (?P<called>\w+)"
)
_NAMES = tuple(_SERVICES)
_WELL = re.compile(
    r" (?:(?:is|are|seems?|still|all|both|themselves) )*(?:fine|ok|okay|good|works|work|working|up|unaffected"
    r"|not affected|normal)\b"
    r"(?! (?:until|up to|before))"
)
_NO_PROBLEM = re.compile(
    r"\bno (?:issues?|problems?|troubles?|complaints?) (?:with|on|about|for) (?:the |our |my |any )?$"
)


def services_in(words: Said) -> tuple[Phrase, ...]:
    """Each service that is named as affected, once, in the order of the words; what is said to work is left out."""
    found: dict[str, Phrase] = {}
    for match in _NAMED.finditer(words.text):
        if _WELL.match(words.text[match.end() :]) or _NO_PROBLEM.search(words.text[: match.start()]):
            continue
        called = match["called"]
        name = words.quote(*match.span("called")) if called else _NAMES[int((match.lastgroup or "s0")[1:])]
        found.setdefault(name, Phrase(name, match.start(), match.end()))
    return tuple(found.values())
