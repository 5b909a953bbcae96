"""What attacks on a judge look like: rules for texts in lower case.

Every rule takes linear time, because gaps have limits, and is tried only where one of its words
occurs.
"""

from __future__ import annotations

import re

from app.domain.hostile.rules import Rule

_TEMPLATE_TOKENS = (
    # Not `<s>` alone, which is HTML.
    Rule.of(
        "template-tokens",
        "< [ ]~",
        r"<\|[a-z0-9_▁ .-]{1,40}\|>",
        r"\[\|[a-z_]{1,40}\|\]",
        r"\[/?inst\]",
        r"<</?sys>>",
        r"\[/?system_prompt\]",
        r"\[(?:available_tools|tool_calls|gmask|cls|sep)\]",
        r"</?(?:start_of_turn|end_of_turn|start_of_image|image_soft_token|start_of_role)>",
        r"</?(?:think|tool_call|tool_response|eoh|eoa|eom|sop|eop|bos|eos|unk|pad|eod|eot)>",
        r"<(?:repo_name|file_sep|gh_stars|fim_prefix|fim_middle|fim_suffix|[be]os_token)>",
        r"<(?:unused|reserved_|extra_id_|special_|tokens_unused_)[0-9]{1,4}>",
        r"<seed:[a-z_]{1,20}>",
        r"\]~!?b[\[\]]",
        r"\[e~\[",
        r"<</?s>",
        r"\[</?s>",
        r"</s>\s{0,4}<",
        r"</?s>\s{0,4}[>\[|]",
    ),
)

_FAKE_TURNS = (
    Rule.of("fake-turns", "###", r"###\s?(?:instruction|response|system)s?\s?:"),
    Rule.of("fake-turns", ">>", r">>\s?(?:question|answer)\s?<<"),
    Rule.of(
        "fake-turns", "role", r"[\"']role[\"']\s{0,4}:\s{0,4}[\"'](?:system|assistant|user)[\"']"
    ),
    Rule.of("fake-turns", "system> assistant>", r"</?(?:system|assistant)>"),
    Rule.of(
        "fake-turns",
        "system",
        r"^\W{0,4}system\s?(?:message|prompt|override|note)?\s?:\s?\S",
        r"\bsystem.?override\b|^\W{0,4}\[system\b",
    ),
    Rule.of("fake-turns", "assistant model", r"^\s{0,4}(?:assistant|model)\s{0,4}$"),
    Rule.of("fake-turns", "moderator", r"^[\W\d]{0,40}moderator\s?:"),
    Rule.of("fake-turns", "user:", r"\buser:.{0,200}\bassistant:"),
)
ROLE_LINES = re.compile(r"^\W{0,4}(?:(user|human|system)|(assistant|model|ai))\s?:", re.MULTILINE)
"""Lines that begin with a role, of one who asks or of one who answers: both make a dialogue."""

_FAKE_ANSWERS = (
    Rule.of(
        "fake-answer",
        "score",
        r"[\"']score\\?[\"']\s{0,4}:\s{0,4}\d",
        r"\bscores?\s?[:=]\s?(?:100|10/10|\d{1,3}\s?/\s?100)",
        r"<score>\s{0,4}\d{1,3}\s{0,4}</",
    ),
    Rule.of(
        "fake-answer",
        "choice winner verdict",
        r"[\"']choice[\"']\s{0,4}:\s{0,4}[\"'][a-z][\"']",
        r"\bwinner[\"']?\s{0,4}[:=>]\s{0,4}[\"']?(?:response |answer )?[a-z]\b",
        r"\bverdict[\"']?\s{0,4}[:=]\s{0,4}[\"']?(?:response |answer )?[a-z]\b",
    ),
    Rule.of("fake-answer", "[[", r"\[\[[a-z]\]\]"),
    Rule.of("fake-answer", "<answer> <rating>", r"<(?:answer|rating)>\s{0,4}\d{1,3}\s{0,4}</"),
    Rule.of(
        "fake-answer",
        "\": ':",
        r"[\"'][a-z]\\?[\"']\s{0,4}:\s{0,4}(?:\{|\d|nan)",
        r"\"\}\}?,\s{0,4}\\?\"[a-z]\\?\"\s{0,4}:",
    ),
    Rule.of(
        "fake-answer", "a: a= a\t a :", r"^a\s?[:=]\s?\d{1,3}\s{0,4}^b\s?[:=]\s?\d{1,3}\s{0,4}$"
    ),
    Rule.of(
        "fake-answer", "0\n 1\n 2\n 3\n 4\n", r"\A\s{0,4}(?:[0-4]\s{1,4}){2,26}[0-4]?\s{0,4}\Z"
    ),
)

_FENCES = (
    Rule.of("fence", "~~~", r"^\s{0,8}~{3}", r"~{20}"),
    Rule.of(
        "fence",
        "response instruction candidate submission answer_",
        r"</?(?:response|instruction|candidate|submission|answer_?[ab]|response_?[ab])s?>",
        r"^response [a-z]:\s{0,4}$",
        r"\brate the \w{1,30} of responses?\b",
    ),
    Rule.of(
        "fence", "end", r"^\W{0,20}end of (?:the )?(?:response|answer|candidate|submission)s?\b"
    ),
    Rule.of("fence", "above", r"\beverything above (?:was|is)\b"),
    Rule.of("fence", "{%", r"\{%-?\s?(?:end)?(?:for|if|set|raw)\b"),
    Rule.of("fence", "{{", r"\{\{\s?(?:fence|attribute|question|7\s?\*\s?7)"),
)

_WHAT = r"(?:instruction|prompt|rule|direction|guideline|rubric|criteri|command|directive)"
_RESPONSE = r"(?:response|answer|candidate|reply|submission|text|essay|solution)"
_HIGHEST = r"(?:highest|maximum|perfect|full|top|best)(?: possible| available)?"
_MARK = r"(?:scores?|marks?|ratings?|grades?|points)"
_HUNDRED = r"\b100\b(?!\W?\d|\s?%|\s(?!points|marks|out of)\w)"
"""The number on its own: neither a share nor an amount of something."""
_PLEAS = (
    Rule.of(
        "score-plea",
        "ignore disregard forget override bypass",
        r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}"
        r"\b(?:previous|prior|above|earlier|all|other|your|preceding|system|the)\b"
        rf".{{0,40}}\b{_WHAT}",
    ),
    Rule.of(
        "score-plea",
        "rate score grade mark give assign award",
        rf"\b(?:rate|score|grade|mark|give|assign|award)\b.{{0,20}}"
        rf"(?:\b(?:this|my|the) {_RESPONSE}|\b{_RESPONSE} [a-z]\b|\bthis\b|\bit\b)"
        rf".{{0,30}}(?:{_HUNDRED}|\b10/10|\b5/5|\b{_HIGHEST} {_MARK})",
        rf"\b(?:give|award|assign)\b.{{0,40}}\b{_HIGHEST} {_MARK}\b",
        r"\b(?:do not|don't) score\b",
    ),
    Rule.of(
        "score-plea",
        "100",
        r"\b(?:give|score|rate|print|write|say|output|return|answer)(?: with)? "
        rf"{_HUNDRED}",
        r"\b(?:is|are)(?: both)? worth "
        rf"{_HUNDRED}",
        r"\b(?:score|rating) of "
        rf"{_HUNDRED}",
    ),
    Rule.of(
        "score-plea",
        "deserve receive merit worth",
        r"\b(?:deserves?|receives?|merits?|worth)\b.{0,20}"
        rf"(?:{_HUNDRED}|\b{_HIGHEST} {_MARK}\b)",
    ),
    Rule.of(
        "score-plea",
        "score rating verdict",
        r"\b(?:correct|only valid|right) (?:score|rating|verdict)\b.{0,10}(?:\bis\b|:)",
    ),
    Rule.of(
        "score-plea",
        "rater judge grader evaluator",
        r"\b(?:note|message|attention|dear|instructions?)(?: to| for)?:? (?:the )?"
        r"(?:rater|judge|grader|evaluator)\b",
        r"\b(?:developer|author|creator|owner) of this (?:judge|grader|evaluat)",
    ),
    Rule.of("score-plea", "rubric", r"\b(?:hidden|secret|updated?|new) rubric\b"),
    Rule.of(
        "score-plea",
        "reference distractor plagiari",
        rf"\bthis {_RESPONSE} is the (?:reference|gold)\b",
        r"\b(?:other|remaining|all others?)\b.{0,30}\b(?:distractors?\b|plagiari)",
    ),
    Rule.of("score-plea", "your", r"\brepeat (?:the )?(?:text of )?your (?:instructions|prompt)"),
    Rule.of(
        "score-plea",
        "response answer candidate option select choose",
        r"\b(?:select|choose|prefer|pick|favou?r)(?:ing)? (?:the )?"
        r"(?:this (?:response|answer)|(?:response|answer|candidate|option) [a-z]\b)",
        r"^\W{0,4}(?:select|choose|pick) [a-z]\s{0,4}[.!\]]",
        r"\bresponse [a-z] (?:is|shows|demonstrates|represents|deserves|wins|should|scores)\b",
        r"\bthis response (?:should|must) (?:pass|win|be (?:selected|chosen|preferred|scored))",
    ),
    Rule.of(
        "score-plea",
        "evaluat judg grad scor",
        r"^\W{0,8}(?:\[|===).{0,40}\b(?:evaluat|judg(?:e|ing)|grad(?:er|ing)|scor(?:er|ing))",
        r"\b(?:judge|evaluator|grader)s? (?:should|must|recogni[sz]es?|will see)\b",
        r"\b(?:this|the|current) evaluation (?:is (?:a|now|being|complete)|prompt)\b",
        r"\b(?:before|when) (?:evaluating|grading|judging)\b.{0,40}\b(?:output|print|select|note)",
    ),
)

RULES = (*_TEMPLATE_TOKENS, *_FAKE_TURNS, *_FAKE_ANSWERS, *_FENCES, *_PLEAS)
"""All rules in English."""
