"""The commonest instructions to a judge in other languages: ignore your rules, give 100."""

from __future__ import annotations

from app.domain.hostile.rules import Rule


def _plea(words: str, *patterns: str) -> Rule:
    return Rule.of("score-plea", words, *patterns)


INSTRUCTIONS = (
    _plea(
        "忽略 无视 無視 忘",
        r"(?:忽略|无视|無視|忘记|忘掉).{0,20}(?:指令|指示|提示|规则|規則)",
    ),
    _plea("無視 忘れ", r"(?:指示|命令|指令|ルール).{0,10}(?:無視|忘れ)"),
    _plea(
        "score-plea", "分 点", r"[打给給付付け与].{0,10}(?:100|满|滿|最高)\s?[分点]|100\s?点を|满分"
    ),
    _plea("무시 잊 점을", r"(?:지시|명령|지침).{0,20}(?:무시|잊)|100\s?점을"),
    _plea(
        "игнорир забуд указани инструкц",
        r"(?:игнорируй|забудь|не обращай внимания).{0,40}(?:указани|инструкц|правил|вказівк)",
    ),
    _plea(
        "score-plea", "постав оцени", r"(?:поставь|поставьте|оцени).{0,40}(?:100|максимальн|высш)"
    ),
    _plea("تجاهل امنح", r"تجاهل.{0,40}(?:تعليمات|أوامر|قواعد)|امنح.{0,40}100"),
    _plea("התעלם תן", r"התעלם.{0,40}(?:הוראות|כללים)|תן.{0,40}100"),
    _plea("निर्देश आदेश अंक", r"(?:निर्देश|आदेश).{0,30}(?:अनदेखा|नज़रअंदाज़|भूल)|100 अंक"),
    _plea(
        "ignorier vergiss missacht gib bewerte",
        r"(?:ignorier|vergiss|missacht).{0,40}(?:anweisung|instruktion|vorgabe|regel)",
        r"\b(?:gib|bewerte)\b.{0,40}(?:\b100 punkte|volle punkt|höchstpunkt|höchste punkt)",
    ),
    _plea(
        "ignore oublie donne note",
        r"\b(?:ignorez?|oubliez?)\b.{0,40}\b(?:consigne|instruction|directive)",
        r"\b(?:donnez?|notez?|attribuez?)\b.{0,20}(?:\b100 à|la note maximale)\b",
    ),
    _plea(
        "ignora olvid esqueça dimentica puntúa califica",
        r"\b(?:ignora|ignorad|olvida|olvide|esqueça|dimentica)\b.{0,40}"
        r"(?:instruccion|instruçõ|reglas|regras|istruzioni)",
        r"\b(?:puntúa|califica|avalie|valuta)\b.{0,40}\b100\b",
    ),
    _plea("ignore", r"\bignore\b.{0,40}\b(?:instruções|instrucciones)"),
    _plea(
        "αγν ξέχ βαθμολόγησε",
        r"(?:αγν[όο]ησ|ξέχασ).{0,40}(?:οδηγίες|εντολές)|βαθμολόγησε.{0,40}100",
    ),
    _plea("puuza alama", r"\bpuuza\b.{0,40}\bmaagizo\b|\balama 100\b"),
    _plea(
        "เพิกเฉย ไม่สนใจ ละเว้น คะแนน",
        r"(?:เพิกเฉย|ไม่สนใจ|ละเว้น).{0,40}คำสั่ง|คะแนน.{0,30}100",
    ),
    _plea("talimat yönerge", r"(?:talimat|yönerge).{0,30}(?:yok say|görmezden|unut)"),
    _plea("hướng chỉ", r"(?:bỏ qua|phớt lờ).{0,40}(?:hướng dẫn|chỉ dẫn)"),
    _plea(
        "abaikan lupakan",
        r"(?:abaikan|lupakan).{0,40}(?:instruksi|perintah|petunjuk)",
    ),
    _plea(
        "score-plea", "zignoruj pomiń", r"(?:zignoruj|pomiń).{0,40}(?:instrukcj|poleceni|wytyczn)"
    ),
    _plea(
        "score-plea", "negeer vergeet", r"\b(?:negeer|vergeet)\b.{0,40}(?:instructies|aanwijzingen)"
    ),
)
"""Rules in about twenty languages."""
